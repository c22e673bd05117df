"""What was meant by a wrong verb, option or choice."""

import pytest

from multiposenet import cli


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["predct", "a.jpg"], "did you mean predict?"),
        (["predict", "a.jpg", "--otu", "x"], "did you mean --out?"),
        (["predict", "--modle=x", "--scor=2"], "is not a number from 0 to 1"),
        (["predict", "--modle=x", "--recursiv"], "unrecognized arguments: --modle=x; did you mean"),
        (["predict", "--system", "rpme"], "did you mean rmpe?"),
        (["train", "keypoint"], "did you mean keypoints?"),
        (["fly"], "invalid choice: 'fly'"),
        (["predict", "--zzz"], "unrecognized arguments: --zzz"),
        (["--versoin"], "the following arguments are required: VERB"),
    ],
)
def test_the_nearest_name_is_told(argv, hint, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(argv)
    told = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 2 and hint in told
    assert ("did you mean" in told) == ("did you mean" in hint)
