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

    query: str = Field(min_length=1, max_length=2000, description="Free text; the closest scans are found.")
    k: int = Field(10, ge=1, le=1000, description="Studies to list.")
    model: str | None = Field(None, max_length=300, description="Search this model's vectors.")
    window: str | None = Field(None, max_length=100, description="Search the feature set of this HU window, such as lung.")
    all_series: bool = Field(False, description="Search every series of a study, not its primary one alone.")


class Vectors(BaseModel):
    """One vector for each text or image, in their order."""

    model: str = Field(description="As `GET /v1/models` names it.")
    digest: str = Field(description="Of the encoder's spec: vectors of equal digest are one space.")
    dim: int = Field(description="Numbers of each vector; examples show the first two.")
    vectors: list[list[float]] = Field(description="(n, dim), in the order of what was sent.")
    view: str | None = Field(None, description="Digest of the preprocessing, of images.")
    window: str | None = Field(None, description="HU window, or as-is, of images.")
    notes: list[str] = Field([], description="What is unusual about images: flags of a DICOM header, values that may be no HU.")


class Steps(BaseModel):
    """Vectors along the slice axis, feet to head."""

    vectors: list[list[float]] = Field(description="(n, dim).")
    z_mm: list[float | None] = Field(description="Height of each in the scanner's frame; null in padding and where unknown.")


class ViewResult(BaseModel):
    """A scan in one window."""

    window: str = Field(description="HU window, by name where it has one.")
    view: str = Field(description="Digest of the preprocessing.")
    kind: str = Field(description="`volume`, or `slice` where the model takes slices: then `vector` is the mean of theirs.")
    vector: list[float] = Field(description="(dim,), of the whole scan.")
    steps: Steps | None = Field(None, description="Vectors along depth; null where there are none or `depth=false`.")


class VolumeVectors(BaseModel):
    """One result for each window."""

    model: str = Field(description="As `GET /v1/models` names it.")
    digest: str = Field(description="Of the encoder's spec: vectors of equal digest are one space.")
    dim: int = Field(description="Numbers of each vector; examples show the first two.")
    slices: int = Field(description="Of the scan: those that could be read.")
    results: list[ViewResult] = Field(description="In the order of the windows asked for.")
    notes: list[str] = Field(description="Files that were left out and why, flags of the scan's header, values that may be no HU.")


class Place(BaseModel):
    """Where in the scan it fits best."""

    z_mm: float | None = Field(description="Height in the scanner's frame; null where unknown.")
    index: int | None = Field(description="The source slice, from 0, where one is known.")
    score: float = Field(description="Cosine similarity, -1..1.")


class SearchHit(BaseModel):
    """A scan that was found; names are pseudonyms."""

    rank: int = Field(description="From 1.")
    score: float = Field(description="Cosine similarity, -1..1.")
    patient: str
    study: str
    volume: str = Field(description="The bank's id of the scan.")
    ordinal: int = Field(description="The scan's number in the bank.")
    places: list[Place] = Field(description="Best first; empty where the bank has no vectors along depth.")


class SearchAnswer(BaseModel):
    """Hits, best first."""

    model: str = Field(description="That encoded the query.")
    features: str = Field(description="The feature set that was searched.")
    searched: int = Field(description="Scans that were compared.")
    studies: int = Field(description="Studies that these belong to.")
    without_vector: int = Field(description="Scans without a vector in the feature set.")
    hits: list[SearchHit]
    notes: list[str] = Field(description="What limits the answer.")


class ModelInfo(BaseModel):
    """A served encoder: what it takes, and everything that identifies it."""

    name: str = Field(description="What `model` in requests may be; without its @VERSION too.")
    digest: str = Field(description="Of the spec: vectors of equal digest are one space.")
    spec: dict[str, Any] = Field(description="All that identifies the encoder.")
    view: dict[str, Any] = Field(description="How it wants scans to be prepared.")
    offers: list[str] = Field(description="Of `volume`, `slice` and `text`.")
    channels: list[int] = Field(description="How many windows it takes at once.")
    size: list[int] | None = Field(description="(Y, X) in pixels of its planes; null for any.")
    gives_depth: bool = Field(description="Whether scans have vectors along depth.")
    note: str = Field(description="What its vectors are not good for; may be empty.")


class ModelList(BaseModel):
    """What is served, and what one request may hold."""

    models: list[ModelInfo]
    limits: dict[str, int] = Field(description="Of one request: bytes, items, characters of a text, bytes of JSON.")


class Health(BaseModel):
    """Whether it is up."""

    status: str = Field(description="`ok`.")
