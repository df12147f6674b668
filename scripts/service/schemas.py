"""What goes in and comes out as JSON. These make the OpenAPI; unknown fields are refused."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Texts(BaseModel):
    """Texts to encode."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"texts": ["left pleural effusion", "no acute findings"]}]}
    )

    texts: list[str] = Field(min_length=1, description="One vector each; longer ones than the model's context are cut by its tokenizer.")


class TextRequest(Texts):
    """Texts to encode, and by what."""

    model: str | None = Field(None, max_length=300, description="As `GET /v1/models` names it; by default the first with a text side.")


class SearchRequest(BaseModel):
    """What to look for in the bank."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"query": "left pleural effusion", "k": 5}]})

    query: str = Field(min_length=1, max_length=2000)
    k: int = Field(10, ge=1, le=1000, description="Studies to list.")
    model: str | None = Field(None, max_length=300, description="Search this model's vectors.")
    window: str | None = Field(None, max_length=100, description="Search the feature set of this HU window, such as lung.")
    all_series: bool = Field(False, description="Search every series of a study, not its primary one alone.")


class Vectors(BaseModel):
    """One vector for each text or image, in their order."""

    model: str
    digest: str = Field(description="Of the encoder's spec: vectors of equal digest are one space.")
    dim: int
    vectors: list[list[float]]
    view: str | None = Field(None, description="Digest of the preprocessing, of images.")
    window: str | None = Field(None, description="HU window, or as-is, of images.")
    notes: list[str] = Field([], description="What is unusual about images: flags of a DICOM header, values that may be no HU.")


class Steps(BaseModel):
    """Vectors along the slice axis, feet to head."""

    vectors: list[list[float]]
    z_mm: list[float | None] = Field(description="Height of each in the scanner's frame; null in padding and where unknown.")


class ViewResult(BaseModel):
    """A scan in one window."""

    window: str
    view: str
    kind: str = Field(description="`volume`, or `slice` where the model takes slices: then `vector` is the mean of theirs.")
    vector: list[float]
    steps: Steps | None = None


class VolumeVectors(BaseModel):
    """One result for each window."""

    model: str
    digest: str
    dim: int
    slices: int = Field(description="Of the scan.")
    results: list[ViewResult]
    notes: list[str] = Field(description="Files that were left out and why, flags of the scan's header, values that may be no HU.")


class Place(BaseModel):
    """Where in the scan it fits best."""

    z_mm: float | None
    index: int | None = Field(description="The source slice, from 0, where one is known.")
    score: float


class SearchHit(BaseModel):
    """A scan that was found; names are pseudonyms."""

    rank: int
    score: float
    patient: str
    study: str
    volume: str
    ordinal: int
    places: list[Place]


class SearchAnswer(BaseModel):
    """Hits, best first."""

    model: str
    features: str
    searched: int
    studies: int
    without_vector: int
    hits: list[SearchHit]
    notes: list[str]


class ModelInfo(BaseModel):
    """A served encoder: what it takes, and everything that identifies it."""

    name: str
    digest: str
    spec: dict[str, Any]
    view: dict[str, Any]
    offers: list[str]
    channels: list[int]
    size: list[int] | None
    gives_depth: bool
    note: str


class ModelList(BaseModel):
    """What is served, and what one request may hold."""

    models: list[ModelInfo]
    limits: dict[str, int]


class Health(BaseModel):
    """Whether it is up."""

    status: str
