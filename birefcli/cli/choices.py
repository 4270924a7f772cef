"""Words that options take and that tables of other rooms know; asked only when they are needed."""


def inpainters() -> dict[str, str]:
    """Give the names that --inpaint takes, and what each is."""
    from birefcli.inpaint import INPAINTERS

    return {one.name: one.description for one in INPAINTERS}


def stack_formats() -> dict[str, str]:
    """Give the names that `birefcli peel --format` takes, and what each is."""
    from birefcli.stack import FORMATS

    return {one.name: one.description for one in FORMATS}
