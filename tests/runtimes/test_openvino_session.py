"""Graphs of OpenVINO that answer soon, or many callers: which are compiled, and by whom shared."""

import threading

from multiposenet.runtimes import openvino_session

A, B, C = (1, 64, 64, 3), (1, 64, 96, 3), (1, 96, 64, 3)


def compiled(kind, shapes):
    """The shapes for which a kind compiles a graph, and those of the graphs that it gives."""
    asked = []

    class Compiled:
        def __init__(self, shape):
            asked.append(shape)
            self.shape = shape

    made = kind(Compiled)
    return asked, [made.requests(shape)._compiled.shape for shape in shapes]


def test_one_image_at_a_time_has_a_graph_of_the_first_shape_and_one_of_the_others():
    asked, given = compiled(openvino_session._OfOne, [A, B, A, C, A])
    assert asked == [A, None] and given == [A, None, A, None, A]


def test_many_images_have_a_graph_of_any_shape():
    asked, given = compiled(lambda each: openvino_session._OfMany(each, 2), [A, A, B, A, C, B])
    assert asked == [None] and given == [None] * 6


def test_requests_of_openvino_are_bounded():
    """Each serves one thread at a time, and there are no more than were asked for."""
    made, at_work, most = [], [], []

    class Request:
        def infer(self, inputs, share_inputs):
            assert self not in at_work
            at_work.append(self)
            most.append(len(at_work))
            pause.wait(0.001)
            at_work.remove(self)
            return inputs[0]

    class Compiled:
        def create_infer_request(self):
            made.append(Request())
            return made[-1]

    pause = threading.Event()
    requests = openvino_session._Requests(Compiled(), most=2)
    threads = [threading.Thread(target=requests.infer, args=(1,)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) <= 2 and max(most) <= 2 and not at_work
    assert requests.infer("image") == "image" and len(requests._idle) == len(made)
