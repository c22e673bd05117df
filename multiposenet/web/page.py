"""The page and its API, in Gradio: what is on it, and which function answers what.

The network runs one upload after the other (`find` and the API); drawing again, for another score,
other layers or another photo, runs beside it.
"""

import secrets
from pathlib import Path

import gradio as gr
from PIL import Image

from multiposenet.errors import MultiPoseNetError
from multiposenet.sources import video
from multiposenet.web import showing
from multiposenet.web.choices import Choices
from multiposenet.web.finding import find
from multiposenet.web.limits import Limits
from multiposenet.web.looks import DEFAULT_LAYERS, LAYERS, LEAST_SCORE, Seen, Upload

NETWORK = {"concurrency_id": "network", "concurrency_limit": 1}
DRAWING = {"concurrency_id": "drawing", "concurrency_limit": 2}
_QUALITY = 92  # of JPEG
_STATE_SECONDS = 3600  # that results of somebody who is silent are kept
_SWEEP_SECONDS = 300

CSS = """
.gradio-container {max-width: 1400px !important}
#message textarea {font-family: var(--font-mono); font-size: 0.85em}
#picture img {cursor: crosshair}
footer {display: none !important}
"""
_TITLE = """## Poses of all people
Drop photos or a clip. Score and layers change the drawing at once; a click on a keypoint shows its
heatmap. What you upload stays on this server for an hour at most."""
_HINT = "What was found, and what could not be used, is told here."
_HEIGHT = 520  # pixels


class Page:
    """The functions behind the page.

    Args:
        choices: the systems.
        limits: of uploads.
        folder: in which the results lie until they are fetched; Gradio's own.
    """

    def __init__(self, choices: Choices, limits: Limits, folder: Path):
        self.choices, self.limits, self.folder = choices, limits, folder
        self.kept = set()  # files that Gradio removes after an hour, as it does with its own

    def seen(self, paths, system, model, progress) -> Seen:
        """What the chosen system finds in uploads; what is wrong with all of them is raised."""
        uploads = [Upload(Path(path), Path(path).name) for path in paths]
        # The files' bound holds for what is uploaded; this one also for what came another way.
        return find(self.choices.get(system, model), uploads, self.limits, _told(progress))

    def results(self, seen: Seen, place: int, layers, score: float, progress):
        """The drawn picture or video and the file of results, each a path."""
        folder = self.folder / secrets.token_hex(16)
        folder.mkdir(parents=True)
        written = showing.write_results(seen, folder, score)
        if seen.clip is None:
            drawn = folder / f"{seen.photos[place][0].path.stem}.jpg"
            picture = showing.picture(seen, place, layers, score)
            Image.fromarray(picture).save(drawn, quality=_QUALITY)
        else:
            drawn = folder / f"{seen.clip.path.stem}.mp4"
            told = _told(progress)
            showing.draw_clip(seen, drawn, layers, score, self.limits, told)
        self.kept |= {str(drawn), str(written)}
        return str(drawn), str(written)

    def find(self, files, photo, system, model, layers, score, progress=gr.Progress()):  # noqa: B008
        """The button: the network, then the drawing."""
        try:
            paths = [photo] if photo and not files else files or []
            seen = self.seen(paths, system, model, progress)
        except MultiPoseNetError as error:
            return None, gr.Dropdown(choices=[], visible=False), *self._nothing(str(error))
        names = [(upload.name, place) for place, (upload, _) in enumerate(seen.photos)]
        several = gr.Dropdown(choices=names, value=0 if names else None, visible=len(names) > 1)
        return seen, several, *self.draw(seen, 0, layers, score, progress)

    def draw(self, seen, place, layers, score, progress=gr.Progress()):  # noqa: B008
        """A slider or a layer: the drawing alone."""
        if seen is None:
            return self._nothing("")
        try:
            drawn, written = self.results(seen, place or 0, layers, score, progress)
        except MultiPoseNetError as error:
            return self._nothing(str(error))
        of_clip = seen.clip is not None
        heads = showing.FOLLOWED if of_clip else showing.PEOPLE
        rows = (showing.followed_table if of_clip else showing.people_table)(seen, score)
        return (
            gr.Image(None if of_clip else drawn, visible=not of_clip),
            gr.Video(drawn if of_clip else None, visible=of_clip),
            showing.message(seen, score),
            gr.Dataframe(rows, headers=list(heads), visible=bool(rows)),
            gr.DownloadButton(value=drawn, interactive=True),
            gr.DownloadButton(value=written, interactive=True),
            gr.Image(visible=False),
        )

    def _nothing(self, message: str):
        off = gr.DownloadButton(value=None, interactive=False)
        shown = gr.Image(None, visible=True), gr.Video(None, visible=False)
        return *shown, message, gr.Dataframe(visible=False), off, off, gr.Image(visible=False)

    def keypoint(self, seen, place, score, clicked: gr.SelectData):
        """A click: the heatmap of the keypoint that is nearest."""
        if seen is None or seen.clip is not None:
            return gr.Image(visible=False)
        try:
            image, told = showing.keypoint_near(seen, place or 0, clicked.index, score)
        except MultiPoseNetError as error:
            raise gr.Error(_plain(error), print_exception=False) from None
        return gr.Image(image, label=told, visible=True)

    def own_score(self, system, model):
        """A new choice: the score that the system has itself."""
        try:
            return max(LEAST_SCORE, self.choices.get(system, model).score)
        except MultiPoseNetError as error:
            raise gr.Error(_plain(error), print_exception=False) from None

    def photo_of_api(self, photo, system, model, score, layers):
        """Finds the people in a photo: rows as `predict` writes them, and the drawing."""
        return self._of_api(photo, system, model, score, layers, is_clip=False)

    def clip_of_api(self, clip, system, model, score, layers, progress=gr.Progress()):  # noqa: B008
        """Finds and follows the people in a clip: a line a frame, and the drawn video."""
        return self._of_api(clip, system, model, score, layers, True, progress)

    def _of_api(self, path, system, model, score, layers, is_clip, progress=None):
        try:
            if path is None or video.is_video(Path(path)) != is_clip:
                name = Path(path).name if path else "upload"
                kind, other = ("clip", "photo")[:: 1 if is_clip else -1]
                raise gr.Error(
                    f"{_plain(name)}: is no {kind}; a {other} goes to /{other}",
                    print_exception=False,
                )
            score = score or self.choices.get(system, model).score
            seen = self.seen([path], system, model, progress)
            if seen.problems and not is_clip:
                raise gr.Error(_plain("\n".join(seen.problems)), print_exception=False)
            drawn, _ = self.results(seen, 0, layers, score, progress)
        except MultiPoseNetError as error:
            raise gr.Error(_plain(error), print_exception=False) from None
        return (seen.lines(score) if is_clip else seen.rows(score)), drawn


def build(page: Page) -> gr.Blocks:
    """The page, not yet served."""
    choices, limits = page.choices, page.limits
    own = max(LEAST_SCORE, choices.get().score)
    with gr.Blocks(
        title="multiposenet",
        analytics_enabled=False,
        delete_cache=(_SWEEP_SECONDS, _STATE_SECONDS),
    ) as blocks:
        seen = gr.State(None, time_to_live=_STATE_SECONDS)
        gr.Markdown(_TITLE, line_breaks=False)
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                with gr.Tab("Upload"):
                    files = gr.File(
                        file_count="multiple",
                        label=f"Photos, or one clip of {limits.clip:g} s (a file: "
                        f"{limits.megabytes} MB)",
                        elem_id="files",
                        height=150,
                    )
                with gr.Tab("Webcam"):
                    photo = gr.Image(
                        sources=["webcam"], type="filepath", label="Webcam", height=240
                    )
                button = gr.Button("Find people", variant="primary", elem_id="find")
                layers = gr.CheckboxGroup(
                    list(LAYERS), value=list(DEFAULT_LAYERS), label="Layers", elem_id="layers"
                )
                score = gr.Slider(LEAST_SCORE, 1, own, step=0.01, label="Score of a person")
                with gr.Row():
                    system = gr.Dropdown(list(choices.systems), label="System", min_width=120)
                    model = gr.Dropdown(list(choices.models), label="Model", min_width=120)
            with gr.Column(scale=2, min_width=400):
                shown = gr.Dropdown([], label="Photo", visible=False)
                picture = gr.Image(
                    show_label=False,
                    interactive=False,
                    format="jpeg",
                    height=_HEIGHT,
                    buttons=["fullscreen"],
                    elem_id="picture",
                )
                clip = gr.Video(
                    visible=False, show_label=False, height=_HEIGHT, elem_id="clip", buttons=[]
                )
                message = gr.Textbox(
                    placeholder=_HINT,
                    show_label=False,
                    container=False,
                    lines=1,
                    max_lines=8,
                    elem_id="message",
                )
                heatmap = gr.Image(
                    visible=False,
                    interactive=False,
                    format="jpeg",
                    height=_HEIGHT,
                    buttons=["fullscreen"],
                    elem_id="heatmap",
                )
                table = gr.Dataframe(
                    headers=list(showing.PEOPLE),
                    visible=False,
                    interactive=False,
                    label="People",
                    elem_id="people",
                )
                with gr.Row():
                    kwargs = {"interactive": False, "size": "sm"}
                    drawn = gr.DownloadButton("Download drawing", elem_id="drawn", **kwargs)
                    written = gr.DownloadButton("Download JSON", elem_id="json", **kwargs)
        outputs = [picture, clip, message, table, drawn, written, heatmap]
        chosen = [files, photo, system, model, layers, score]
        on_page = {"api_visibility": "private", "show_progress_on": picture}
        for event in (button.click, files.upload, photo.input):
            event(page.find, chosen, [seen, shown, *outputs], **on_page, **NETWORK)
        for event in (layers.input, score.release, shown.input):
            event(
                page.draw,
                [seen, shown, layers, score],
                outputs,
                trigger_mode="always_last",
                **on_page,
                **DRAWING,
            )
        picture.select(page.keypoint, [seen, shown, score], heatmap, **on_page, **DRAWING)
        for event in (system.input, model.input):
            event(page.own_score, [system, model], score, **on_page, **NETWORK)
        _add_api(page, blocks)
    blocks.temp_file_sets.append(page.kept)
    for block in blocks.blocks.values():
        _fetch_nothing(block)
    return blocks


def _add_api(page: Page, blocks: gr.Blocks) -> None:
    """What programs call, as the page's own events are about its widgets."""
    choices = page.choices
    for name, function in (("photo", page.photo_of_api), ("clip", page.clip_of_api)):
        with gr.Group(visible=False):
            inputs = [
                gr.File(label=name),
                gr.Dropdown(list(choices.systems), label="system"),
                gr.Dropdown(list(choices.models), label="model"),
                gr.Number(0, minimum=0, maximum=1, label="score; 0: that of the system"),
                gr.CheckboxGroup(list(LAYERS), value=list(DEFAULT_LAYERS), label="layers"),
            ]
            outputs = [gr.JSON(label="people"), gr.File(label="drawn")]
            gr.Button(visible=False).click(function, inputs, outputs, api_name=name, **NETWORK)


def _fetch_nothing(block) -> None:
    """A widget of the page takes uploads, and no address that the server would fetch."""
    move = block.async_move_resource_to_block_cache

    async def checked(path):
        if path is not None and "://" in str(path):
            raise gr.Error("upload: is an address; upload the file", print_exception=False)
        return await move(path)

    block.async_move_resource_to_block_cache = checked


def _told(progress):
    def told(done: int, total: int | None) -> None:
        if progress is not None:
            progress((done, total), unit="images")

    return told


def _plain(text) -> str:
    """A text in which a browser sees no tags."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
