"""What a vector is: the encoder, the view of the voxels and the layer it came from. All by value, none by preset name."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, get_args

from .digests import spec_digest
from .errors import UsageError
from .windows import AS_IS, Window

Kind = Literal["volume", "slice", "depth", "tokens", "text", "prompt"]
KINDS: tuple[str, ...] = get_args(Kind)
VIEW_CODE_VERSION = 3
"""Raised whenever the code that applies a view changes its result. 2: a tilted gantry is sheared back where a view resamples."""
UNKNOWN = "unknown"
"""What is not known of imported vectors: what their encoder's weights were, or how the voxels were prepared for it."""


@dataclass(frozen=True)
class EncoderSpec:
    """What identifies an encoder. Anything that changes a vector changes `digest`."""

    name: str
    """The URI a user types, such as `intensity`, `tiny@1` or `timm:resnet18`."""
    version: str
    dim: int
    weights: str = ""
    """sha256 of the weights as hex; empty for an encoder that has none, `unknown` for one that ran elsewhere."""
    parent: str = ""
    """Digest of the encoder this one was adapted from."""
    adapter: str = ""
    precision: str = "float32"
    unit_length: bool = False
    logit_scale: float | None = None
    logit_bias: float | None = None
    input_range: tuple[float, float] = (0.0, 1.0)
    """What the lower and upper end of a window map onto."""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @cached_property
    def digest(self) -> str:
        return spec_digest(self)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> EncoderSpec:
        """The inverse of `to_dict`, also after JSON made lists of the tuples."""
        return cls(**_tuples(data))


@dataclass(frozen=True)
class ViewSpec:
    """What happened to the voxels on their way to an encoder, by number.

    Axes are (Z, Y, X) in the LPS frame: Z towards the head, Y towards the back, X towards the patient's left.
    """

    windows: tuple[Window, ...] = ()
    """One window per channel, in HU. Empty: grey values as they are (images without HU)."""
    spacing_mm: tuple[float, float, float] | None = None
    """(z, y, x) in mm that the volume is resampled to; None keeps the scan's own grid."""
    shape: tuple[int, int, int] | None = None
    """(Z, Y, X) in voxels: centre crop and padding with the window's lower end, after resampling."""
    size: tuple[int, int] | None = None
    """(Y, X) in pixels that each plane is resized to, its aspect in mm kept, padded to fit."""
    slices: str = "source"
    """Slice policy: `source` takes all of the scan's own planes, others a part of them (see `store.slice_policy`);
    `unknown` is that of a view of which nothing is known."""
    interpolation: str = "linear"
    """Between voxels: `linear`, `nearest` or `cubic`."""
    orientation: str = "LPS"
    """Where the axes X (columns), Y (rows) and Z of the result run to, in this order: `LPS` is that of DICOM's axial images."""
    code: int = VIEW_CODE_VERSION
    """The version of our code that made the view; 0 where other code did."""
    mask: str = ""
    """What is kept: `body`, `lung`, `head` or `user:FINDING`; with `:crop` at the end the box around it instead of the voxels in it."""
    clip: tuple[float, float] | None = None
    """HU that values are cut to before they are interpolated, for models that were trained so; windows cut afterwards anyway."""
    align: str = ""
    """Digest of the reference that the scan is aligned to rigidly; empty where it lies as it was scanned."""

    @classmethod
    def unknown(cls) -> ViewSpec:
        """That of imported vectors of which nobody said how the voxels were prepared."""
        return cls(slices=UNKNOWN, interpolation=UNKNOWN, orientation=UNKNOWN, code=0)

    @classmethod
    def declared(cls, windows: tuple[Window, ...]) -> ViewSpec:
        """That of imported vectors of which only the windows were said."""
        return cls(windows, interpolation=UNKNOWN, orientation=UNKNOWN, code=0)

    @property
    def is_unknown(self) -> bool:
        return self.slices == UNKNOWN

    def shows(self, windows: tuple[Window, ...]) -> bool:
        """Whether these are its windows; of an unknown view nobody can tell."""
        return self.windows == windows and not self.is_unknown

    @cached_property
    def digest(self) -> str:
        """Over all that changes the result. What came later counts only where it says something: older views keep their digest."""
        return spec_digest({name: value for name, value in self.to_dict().items() if value or name not in _LATER_FIELDS})

    @property
    def geometry(self) -> ViewSpec:
        """The same without windows: views of one geometry share their resampling."""
        return replace(self, windows=())

    def with_windows(self, windows: tuple[Window, ...]) -> ViewSpec:
        """The view under other windows. HU are clipped first, as its encoder's were, only where no window reaches beyond."""
        inside = self.clip is not None and all(self.clip[0] <= w.lo and w.hi <= self.clip[1] for w in windows)
        return replace(self, windows=windows, clip=self.clip if inside else None)

    @property
    def fitted(self) -> ViewSpec:
        """The same for scans whose spacing is unknown: planes are resized to the shape's, and all of them are kept."""
        return replace(self, spacing_mm=None, shape=None, size=self.shape[1:]) if self.shape else self

    @property
    def window_label(self) -> str:
        return UNKNOWN if self.is_unknown else "+".join(w.label for w in self.windows) or AS_IS

    @property
    def label(self) -> str:
        """The view's part of a feature set's name: the window, then the geometry where it is not the scan's own."""
        parts = [self.window_label]
        if self.spacing_mm:
            parts.append("x".join(f"{s:g}" for s in self.spacing_mm) + "mm")
        if self.shape:
            parts.append("x".join(map(str, self.shape)))
        if self.size:
            parts.append("x".join(map(str, self.size)) + "px")
        if self.slices not in ("source", UNKNOWN):
            parts.append(self.slices)
        if self.interpolation not in ("linear", UNKNOWN):
            parts.append(self.interpolation)
        if self.orientation not in ("LPS", UNKNOWN):
            parts.append(self.orientation)
        if self.clip:
            parts.append(f"clip{self.clip[0]:g}..{self.clip[1]:g}")
        if self.mask:
            parts.append(self.mask)
        if self.align:
            parts.append(f"aligned-{self.align[:8]}")
        return ",".join(parts)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ViewSpec:
        """The inverse of `to_dict`, also after JSON made lists of the tuples."""
        known = {f.name for f in fields(cls)}
        if extra := set(data) - known:
            raise UsageError(f"view has fields {sorted(extra)} that this version does not know; upgrade scanbank to read it")
        plain = _tuples(data)
        plain["windows"] = tuple(Window(**w) for w in data.get("windows", ()))
        return cls(**plain)


_LATER_FIELDS = ("mask", "clip", "align")


@dataclass(frozen=True)
class FeatureKey:
    """What a feature set is keyed by: same key and same item, same vector."""

    kind: Kind
    encoder: EncoderSpec
    view: ViewSpec
    layer: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"feature kind {self.kind!r} is unknown; choose one of {', '.join(KINDS)}")

    @cached_property
    def digest(self) -> str:
        return spec_digest([self.kind, self.encoder.digest, self.view.digest, self.layer])

    @property
    def name(self) -> str:
        """`encoder/view/kind[/layer]`, without a view for texts; pooling adds its own part when the set is read pooled."""
        view = "" if self.kind in ("text", "prompt") else self.view.label
        return "/".join(part for part in (self.encoder.name, view, self.kind, self.layer) if part)


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
