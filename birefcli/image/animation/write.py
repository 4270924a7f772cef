"""From frames with their times to the bytes of one animated file."""

from birefcli.image.animation import apng, gif, webp
from birefcli.image.animation.types import Animation, Container


def write_frames(
    animation: Animation, container: Container | None = None, *, quality: int | None = None
) -> bytes:
    """Return the bytes of an animation in its own container, or in the one that is named.

    APNG and WebP hold every frame exactly; a quality (1 to 100) makes WebP smaller and lossy, the
    others do not look at it. GIF has its limits: `gif.put_together` says them. Raise OutputError
    where the container holds no picture so large.
    """
    match container or animation.container:
        case "gif":
            return gif.put_together(animation)
        case "apng":
            return apng.put_together(animation)
        case "webp":
            return webp.put_together(animation, quality)
