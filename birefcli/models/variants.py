"""The tables of models: the bundled ones, every published BiRefNet, and what helps a peel."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One model: where it comes from, how it is run, and what it is for.

    A fact nobody could confirm is None. Without `revision` a pull takes the newest commit; without
    `sha256` it records what came. In both cases later runs hold the file to that record.
    """

    name: str
    purpose: str
    # The task it was trained for: general, topmost, matting, portrait, dis, hrsod, cod or
    # illustration; inpainting or depth for what is no BiRefNet.
    task: str = "general"
    backbone: str = "swin_v1_l"
    # (height, width) the network sees; None: the file says.
    size: tuple[int, int] | None = (1024, 1024)
    # Sides in multiples of 32 at the area of `size`, instead of squashing; None: the file says.
    keeps_aspect: bool | None = False
    # How tiles were stacked in training: "old" before November 2024, else "new"; None: measure it.
    tile_order: str | None
    licence: str = "MIT"
    non_commercial: bool = False
    # None: bundled in the package.
    repo: str | None
    file: str = "model.safetensors"
    revision: str | None = None
    sha256: str | None = None
    # The download in bytes; whole megabytes where only those are published.
    bytes: int | None = None

    @property
    def is_bundled(self) -> bool:
        """Whether the file comes with the package."""
        return self.repo is None


VARIANTS: tuple[Variant, ...] = (
    Variant(
        name="compact",
        purpose="Small and quick, no download; photos, sprites and pixel art.",
        backbone="mobilenet_v2",
        size=None,
        keeps_aspect=True,
        tile_order="new",
        licence="MIT AND Apache-2.0",
        repo=None,
        file="compact.safetensors",
    ),
    Variant(
        name="compact-peel",
        purpose="For peel: finds what nothing covers; small, no download.",
        task="topmost",
        backbone="mobilenet_v2",
        size=None,
        keeps_aspect=True,
        tile_order="new",
        licence="MIT AND Apache-2.0",
        repo=None,
        file="compact-peel.safetensors",
    ),
    Variant(
        name="general",
        purpose="The standard model: any subject, people included.",
        tile_order="old",
        repo="ZhengPeng7/BiRefNet",
        revision="e2bf8e4460fc8fa32bba5ea4d94b3233d367b0e4",
        sha256="9ab37426bf4de0567af6b5d21b16151357149139362e6e8992021b8ce356a154",
        bytes=444_473_596,
    ),
    Variant(
        name="lite",
        purpose="Any subject at about a fifth of the weights of general.",
        backbone="swin_v1_t",
        tile_order="old",
        repo="ZhengPeng7/BiRefNet_lite",
        revision="aa62cd87eafb9cc43056d08ef3615a14628b831d",
        sha256="4417d89795250e698c3cb0ae8df15743810065f646f48a694fdfa7ca052d0815",
        bytes=177_634_392,
    ),
    Variant(
        name="lite-2k",
        purpose="The lite network trained on wide 2560×1440 pictures.",
        backbone="swin_v1_t",
        size=(1440, 2560),
        tile_order="old",
        repo="ZhengPeng7/BiRefNet_lite-2K",
        sha256="aa2e4a5af5eb3904694feb40f2b39ec5dd7cd9110906590cfeb982f09a46021d",
        bytes=177_634_392,
    ),
    Variant(
        name="hr",
        purpose="Large pictures with fine detail, seen at 2048×2048.",
        size=(2048, 2048),
        tile_order="new",
        repo="ZhengPeng7/BiRefNet_HR",
        revision="a7a562f6fd16021180f2f4348f4de003a2d3d1e1",
        sha256="9d678bafec0b0019fbb073b7fd02f05ede25dc4b15254f23b2fb0be333200c0d",
        bytes=444_473_596,
    ),
    Variant(
        name="hr-matting",
        purpose="Hair, fur and glass in large pictures: soft edges at 2048×2048.",
        task="matting",
        size=(2048, 2048),
        tile_order="new",
        repo="ZhengPeng7/BiRefNet_HR-matting",
        revision="5d6b6f8adcb5b417c871b1d84ceaae9871355b7f",
        sha256="a5a4de698739ea5e0e8bbab28e1b293dde95092b87a442d566cbc585c53cef55",
        bytes=444_473_596,
    ),
    Variant(
        name="matting",
        purpose="Hair, fur and glass: soft edges without a trimap.",
        task="matting",
        tile_order="old",
        repo="ZhengPeng7/BiRefNet-matting",
        revision="eccde0a8cbdce7ac5fecfeb06340fe7b949e85d9",
        sha256="a9875de5b1e6c8eb5fdaa8c727a82927ce442cdc87ba3abee6a77e6fa46c25bb",
        bytes=884_878_856,
    ),
    Variant(
        name="lite-matting",
        purpose="Soft edges with the lite network; the smallest download.",
        task="matting",
        backbone="swin_v1_t",
        tile_order="new",
        repo="ZhengPeng7/BiRefNet_lite-matting",
        revision="99c33412e3f58e1f33187abdc8c435c645243690",
        sha256="ce8bcfc045e336322c0424a5863dcfb7e9ce8fed0a5fd4d1b2b20adf12d97243",
        bytes=88_965_896,
    ),
    Variant(
        name="portrait",
        purpose="People, with soft hair.",
        task="portrait",
        tile_order="old",
        repo="ZhengPeng7/BiRefNet-portrait",
        revision="b6561965a70070d9143fd9e558f6ca3c481510db",
        sha256="4a4eb3a5469b75f0cccaec6772c22fc30e6c12ed429c2c0ba71b43e3d8d97182",
        bytes=884_878_856,
    ),
    Variant(
        name="dynamic",
        purpose="Any subject in any shape, trained from 256×256 to 2304×2304.",
        keeps_aspect=True,
        tile_order="new",
        repo="ZhengPeng7/BiRefNet_dynamic",
        revision="280306042f57b7a33854319da62fd86aaa89ec4c",
        sha256="e3d2e4884e51ff30f0cd630edc6b1e41b06b7f23a0a2a5169f7b7cb33a711c2d",
        bytes=444_473_596,
    ),
    Variant(
        name="dynamic-matting",
        purpose="Soft edges in pictures of any shape.",
        task="matting",
        keeps_aspect=True,
        tile_order="new",
        repo="ZhengPeng7/BiRefNet_dynamic-matting",
        bytes=444_000_000,
    ),
    Variant(
        name="512",
        purpose="Small pictures, and four times less work: seen at 512×512.",
        size=(512, 512),
        tile_order="new",
        repo="ZhengPeng7/BiRefNet_512x512",
        bytes=444_000_000,
    ),
    Variant(
        name="dis",
        purpose="The DIS5K benchmark: intricate objects, trained on DIS-TR alone.",
        task="dis",
        tile_order="old",
        repo="ZhengPeng7/BiRefNet-DIS5K",
        sha256="6641691e0484f458e1f72ec15ecf2856c07de1bd9500a05895ba57f9b9da7bee",
        bytes=885_000_000,
    ),
    Variant(
        name="dis-tr-tes",
        purpose="Intricate objects, trained on DIS-TR and its four test sets.",
        task="dis",
        tile_order="old",
        repo="ZhengPeng7/BiRefNet-DIS5K-TR_TEs",
        bytes=885_000_000,
    ),
    Variant(
        name="hrsod",
        purpose="The HRSOD benchmark: the most salient object.",
        task="hrsod",
        tile_order="old",
        repo="ZhengPeng7/BiRefNet-HRSOD",
        revision="9c64804471c4266336c4b7638626e0301e04250d",
        sha256="dcc61b9f2074f5d4cb36c022c060543359047811cab426aa6dfa8a48f5034b8c",
        bytes=885_000_000,
    ),
    Variant(
        name="cod",
        purpose="The COD benchmark: camouflaged animals and objects.",
        task="cod",
        tile_order="old",
        repo="ZhengPeng7/BiRefNet-COD",
        revision="f648b6efa109baf9da3d597ffb43bc60df6cf24b",
        sha256="6c321deba6f15147f325566d0470e75e7258bf481f5e0b6c667659530d40019e",
        bytes=885_000_000,
    ),
    Variant(
        name="legacy",
        purpose="The general model of early 2024, trained without portraits.",
        tile_order="old",
        repo="ZhengPeng7/BiRefNet-legacy",
        revision="62fffc4c59b029946ef3aa2e4e28b38f5669d603",
        sha256="40e4ef76d28bc11380c7833fb2a834c327a90fae698797fca3c2afbf9d9a42cc",
        bytes=885_000_000,
    ),
    Variant(
        name="toonout",
        purpose="Anime and cartoon characters; general, fine-tuned on illustrations.",
        task="illustration",
        tile_order="new",
        repo="joelseytre/toonout",
        file="birefnet_finetuned_toonout.pth",
        revision="cbf720eca394edcde66b861a8a8c20fbabe9c748",
        sha256="8c7f8a0bc24400f4caade76622f75ff22ca1e93e169add9d2b70093e2487fbe5",
        bytes=885_000_000,
    ),
    Variant(
        name="layerd",
        purpose="The topmost elements of a graphic design, for taking it apart.",
        task="topmost",
        tile_order=None,
        licence="Apache-2.0",
        repo="cyberagent/layerd-birefnet",
        revision="679f743cd001fb5d6360e59e8e1904678c5fa734",
        sha256="28f8acba2736067bf2eb8152f2d3ce75a388dd4e4e57f068b30760a8fe1c44d0",
    ),
    Variant(
        name="rmbg-2.0",
        purpose="BRIA's background removal; not for commercial use.",
        tile_order="old",
        licence="CC-BY-NC-4.0",
        non_commercial=True,
        repo="briaai/RMBG-2.0",
        revision="5df4c9c76d8170882c34f6986e848ee07fd0ba43",
        sha256="566ed80c3d95f87ada6864d4cbe2290a1c5eb1c7bb0b123e984f60f76b02c3a7",
        bytes=884_878_856,
    ),
)

# Models that cut nothing: a peel fills holes and measures depth with them.
COMPANIONS: tuple[Variant, ...] = (
    Variant(
        name="lama",
        purpose="Fills holes in photos, for `peel --inpaint lama`.",
        task="inpainting",
        backbone="big-lama",
        size=None,
        keeps_aspect=None,
        tile_order=None,
        licence="Apache-2.0",
        repo="signature-ai/big-lama",
        file="big-lama.pt",
        sha256="344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
        bytes=205_669_692,
    ),
    Variant(
        name="depth-small",
        purpose="Says what is nearer in photos, for `peel --depth auto`.",
        task="depth",
        backbone="dinov2_s",
        size=(518, 518),
        keeps_aspect=True,
        tile_order=None,
        licence="Apache-2.0",
        repo="depth-anything/Depth-Anything-V2-Small-hf",
        revision="5426e4f0f36572d16453bbda7a8389317b1bef99",
        sha256="3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
        bytes=99_173_660,
    ),
)


def find_companion(name: str) -> Variant | None:
    """The model called `name` among those that help a peel; None where none is."""
    return next((variant for variant in COMPANIONS if _fold(name) in names_of(variant)), None)


def find_variant(name: str) -> Variant | None:
    """The model called `name`: its own name, or its hub name such as `BiRefNet_HR`, in any case."""
    folded = _fold(name)
    return next((variant for variant in _all() if folded in names_of(variant)), None)


def find_repo(repo: str) -> Variant | None:
    """The model published as `owner/name`; the hub does not distinguish case."""
    return next((v for v in _all() if v.repo and v.repo.casefold() == repo.casefold()), None)


def find_sha256(sha256: str) -> Variant | None:
    """The model whose published file has this hash."""
    return next((variant for variant in _all() if variant.sha256 == sha256), None)


def names_of(variant: Variant) -> frozenset[str]:
    """Every folded name a model answers to."""
    published = _fold(variant.repo.rpartition("/")[2]) if variant.repo else variant.name
    return frozenset({_fold(variant.name), published, published.removeprefix("birefnet-")})


def _all() -> tuple[Variant, ...]:
    return (*VARIANTS, *COMPANIONS)


def _fold(name: str) -> str:
    return name.strip().casefold().replace("_", "-")
