"""Values that may enter a bank in clear: each attribute has its allow-list, and anything else becomes `other`.

Nothing here ever returns a part of its input that is not on a list, so a name hidden in a header cannot pass.
An empty text gives an empty text: the attribute is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

OTHER = "other"

_MAKERS: tuple[tuple[str, str], ...] = (
    ("siemens", "siemens"),
    ("philips", "philips"),
    ("picker", "philips"),
    ("marconi", "philips"),
    ("elscint", "elscint"),
    ("toshiba", "toshiba"),
    ("toshiba_mec", "toshiba"),
    ("canon", "canon"),
    ("fujifilm", "fujifilm"),
    ("hitachi", "hitachi"),
    ("neusoft", "neusoft"),
    ("united imaging", "united-imaging"),
    ("uih", "united-imaging"),
    ("neurologica", "samsung"),
    ("samsung", "samsung"),
    ("shimadzu", "shimadzu"),
    ("carestream", "carestream"),
    ("analogic", "analogic"),
    ("imatron", "imatron"),
    ("minfound", "minfound"),
    ("anke", "anke"),
    ("ge", "ge"),
    ("general electric", "ge"),
)

_MODELS: tuple[str, ...] = (
    "somatom definition",
    "somatom force",
    "somatom drive",
    "somatom edge",
    "somatom go",
    "somatom x",
    "somatom confidence",
    "somatom perspective",
    "somatom scope",
    "somatom spirit",
    "somatom emotion",
    "somatom balance",
    "somatom plus",
    "sensation",
    "emotion",
    "volume zoom",
    "naeotom",
    "biograph",
    "symbia",
    "lightspeed",
    "brightspeed",
    "hispeed",
    "prospeed",
    "discovery",
    "revolution",
    "optima",
    "rhapsode",
    "brilliance",
    "ingenuity",
    "incisive",
    "iqon",
    "spectral ct",
    "mx8000",
    "mx 16",
    "gemini",
    "vereos",
    "precedence",
    "access ct",
    "aquilion",
    "asteion",
    "alexion",
    "activion",
    "celesteion",
    "supria",
    "scenaria",
    "eclos",
    "pratico",
    "neuviz",
    "uct",
    "umi",
    "ceretom",
    "bodytom",
    "somatom",
)

_KERNEL_WORDS: tuple[tuple[str, str], ...] = (
    ("boneplus", "bone"),
    ("bone", "bone"),
    ("ultra", "bone"),
    ("edge", "bone"),
    ("lung", "sharp"),
    ("sharp", "sharp"),
    ("detail", "sharp"),
    ("chest", "medium"),
    ("stnd", "medium"),
    ("standard", "medium"),
    ("medium", "medium"),
    ("normal", "medium"),
    ("brain", "medium"),
    ("smooth", "soft"),
    ("soft", "soft"),
)
_SIEMENS_KERNEL = re.compile(r"[BHJUTIQD][A-Z]?(\d\d)[A-Z]?")
_CANON_KERNEL = re.compile(r"FC(\d\d)")
_CANON_TENS: Mapping[int, str] = {0: "soft", 1: "medium", 2: "medium", 3: "bone", 4: "medium", 5: "sharp", 6: "medium", 8: "bone"}
_PHILIPS_KERNELS: Mapping[str, str] = {
    **dict.fromkeys(("A", "EA", "UA", "XA", "YA", "XCA"), "soft"),
    **dict.fromkeys(("B", "EB", "UB", "XB", "YB", "XCB", "F", "SB"), "medium"),
    **dict.fromkeys(("C", "EC", "UC", "XC", "YC", "XCC", "L"), "sharp"),
    **dict.fromkeys(("D", "EDGE", "UD", "YD", "E"), "bone"),
}
_SHARPNESS: Mapping[str, int] = {"soft": 0, "medium": 1, OTHER: 2, "sharp": 3, "bone": 4}

_BODY_PARTS: tuple[str, ...] = (
    "abdomen", "abdomenpelvis", "ankle", "aorta", "arm", "brain", "breast", "calf", "cardiac", "cervicalspine", "chest",
    "chestabdomen", "chestabdomenpelvis", "clavicle", "coccyx", "colon", "cspine", "ear", "elbow", "extremity", "face", "femur",
    "finger", "foot", "hand", "head", "headneck", "heart", "hip", "humerus", "jaw", "kidney", "knee", "leg", "liver", "lspine",
    "lumbarspine", "lung", "mandible", "maxilla", "neck", "neckchest", "neckchestabdomen", "neckchestabdpelv", "orbit", "pancreas",
    "partialbody", "pelvis", "sacrum", "shoulder", "sinus", "skull", "spine", "sspine", "sternum", "tspine", "thigh", "thoracicspine",
    "thorax", "toe", "tspine", "wholebody", "wrist",
)  # fmt: skip
_BODY_PART_SYNONYMS: Mapping[str, str] = {
    "abd": "abdomen",
    "abdpel": "abdomenpelvis",
    "abdopelvis": "abdomenpelvis",
    "abdpelvis": "abdomenpelvis",
    "chestabd": "chestabdomen",
    "chestabdpelvis": "chestabdomenpelvis",
    "chestabdpel": "chestabdomenpelvis",
    "lungs": "lung",
    "tap": "chestabdomenpelvis",
}

_SEXES: Mapping[str, str] = {"m": "male", "male": "male", "f": "female", "female": "female", "o": OTHER, "w": "female"}
_YES = frozenset({"yes", "y", "1", "true", "with", "contrast", "iv", "oral", "ce", "enhanced", "applied", "arterial", "venous", "portal"})
_NO = frozenset({"no", "n", "0", "false", "none", "without", "non-contrast", "noncontrast", "nc", "native", "plain", "unenhanced", "nil"})
_AGE = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*([YMWD]?)", re.IGNORECASE)
_YEARS: Mapping[str, float] = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25, "": 1.0}


def manufacturer(text: str | None) -> str:
    """The scanner's maker in lower case, such as `siemens` or `ge`."""
    plain = _words(text)
    return next((name for mark, name in _MAKERS if re.search(rf"\b{mark}\b", plain.replace(".", ""))), OTHER) if plain else ""


def model_family(text: str | None) -> str:
    """The scanner's family, such as `somatom-definition` or `lightspeed`; the exact model and its options are dropped."""
    plain = _words(text).replace("_", " ")
    return next((mark.replace(" ", "-") for mark in _MODELS if re.search(rf"\b{mark}", plain)), OTHER) if plain else ""


def kernel(text: str | None) -> str:
    """The class of a reconstruction kernel: `soft`, `medium`, `sharp`, `bone` or `other`.

    Siemens kernels carry their sharpness as a number (B30f, Br38f, Hr64: under 30 soft, from 46 sharp, from 60 bone), Canon's
    FC numbers go by range (FC30 bone, FC50 lung, FC80 bone), Philips uses letters, GE and others words.
    """
    first = (text or "").split("\\")[0].strip()
    if not first:
        return ""
    name = re.sub(r"\s*\(.*\)", "", first).upper()
    if match := _SIEMENS_KERNEL.fullmatch(name):
        number = int(match[1])
        return "soft" if number < 30 else "medium" if number < 46 else "sharp" if number < 60 else "bone"
    if match := _CANON_KERNEL.match(name):
        return _CANON_TENS.get(int(match[1]) // 10, OTHER)
    if name in _PHILIPS_KERNELS:
        return _PHILIPS_KERNELS[name]
    return next((cls for word, cls in _KERNEL_WORDS if word in name.lower()), OTHER)


def kernel_sharpness(cls: str) -> int:
    """A rank to choose by, the softest first; an unknown kernel stands between medium and sharp."""
    return _SHARPNESS.get(cls, _SHARPNESS[OTHER])


def sex(text: str | None) -> str:
    """`male`, `female` or `other`."""
    plain = _words(text)
    return _SEXES.get(plain, OTHER) if plain else ""


def age_band(age: str | float | None) -> str:
    """`0-17`, `18-29`, `30-39`, ..., `70-79` or `80+`, from years or a DICOM age such as `045Y` or `007M`."""
    plain = "" if age is None else str(age).strip()
    if not plain:
        return ""
    if plain in _BANDS:
        return plain
    match = _AGE.fullmatch(plain)
    years = float(match[1]) * _YEARS[match[2].upper()] if match else -1.0
    if not 0 <= years < 130:
        return OTHER
    if years < 18:
        return "0-17"
    return "18-29" if years < 30 else "80+" if years >= 80 else f"{int(years) // 10 * 10}-{int(years) // 10 * 10 + 9}"


_BANDS = frozenset({"0-17", "18-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80+"})


def body_part(text: str | None) -> str:
    """A body part of DICOM's list in lower case without spaces, such as `chest` or `chestabdomenpelvis`."""
    plain = re.sub(r"[^a-z]", "", _words(text))
    plain = _BODY_PART_SYNONYMS.get(plain, plain)
    return (plain if plain in _BODY_PARTS else OTHER) if _words(text) else ""


def contrast(text: str | None) -> str:
    """`yes` or `no`, from a table's word for it."""
    plain = _words(text)
    return ("yes" if plain in _YES else "no" if plain in _NO else OTHER) if plain else ""


def contrast_agent(text: str | None) -> str:
    """`yes` or `no`, from the name of an agent (ContrastBolusAgent): any agent but a word for none is contrast."""
    return {"": "", "no": "no"}.get(contrast(text), "yes")


def kvp(text: str | float | None) -> str:
    """Peak kilovoltage as a whole number of 40 to 200."""
    plain = "" if text is None else str(text).strip()
    if not plain:
        return ""
    match = re.fullmatch(r"\d{2,3}(\.\d*)?", plain)
    return str(round(float(plain))) if match and 40 <= round(float(plain)) <= 200 else OTHER


_BY_NAME: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(("sex", "gender", "patient_sex"), sex),
    **dict.fromkeys(("age", "age_band", "patient_age"), age_band),
    **dict.fromkeys(("manufacturer", "vendor", "maker"), manufacturer),
    **dict.fromkeys(("model", "model_family", "scanner", "manufacturer_model"), model_family),
    **dict.fromkeys(("kernel", "convolution_kernel"), kernel),
    **dict.fromkeys(("body_part", "body_part_examined"), body_part),
    "contrast": contrast,
    "kvp": kvp,
}


def allow(name: str, text: str) -> str | None:
    """The allow-listed value of an attribute that a table names, None where no vocabulary is kept for that name."""
    vocabulary = _BY_NAME.get(re.sub(r"[\s-]+", "_", name.strip().lower()))
    return None if vocabulary is None else vocabulary(text)


def _words(text: str | None) -> str:
    return re.sub(r"\s+", " ", (text or "").strip().lower())
