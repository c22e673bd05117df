"""What the verbs say about keypoints of one's own."""

from multiposenet.commands import console


def tell(skeleton, source=None) -> None:
    """One line on stdout: which keypoints are learnt, and who says so."""
    names, shown = skeleton.keypoints, 8
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    told = f"keypoints: {len(names)}, {skeleton.name} ({', '.join(names[:shown])}{more})"
    print(console.printable(f"{told}, of {source}" if source else told), flush=True)


def note_sigmas(skeleton) -> None:
    """Reports keypoints whose sigma is nobody's measurement, as AP depends on it."""
    from multiposenet.skeleton import MEAN_SIGMA, default_sigmas

    defaults = zip(skeleton.keypoints, default_sigmas(skeleton.keypoints), strict=True)
    unknown = [name for name, sigma in defaults if sigma is None]
    if unknown and skeleton.sigmas[skeleton.keypoints.index(unknown[0])] == MEAN_SIGMA:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        console.report(
            f"note: sigmas: of {', '.join(unknown[:5])}{more} nothing is known, COCO's mean of "
            f"{MEAN_SIGMA} stands in, on which AP depends; give yours by --skeleton, a file that "
            "multiposenet init writes"
        )
