"""What goes in and comes out as JSON. These make the OpenAPI; unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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
    """What to look for in the bank: words, or what is like a scan or slice of the bank. One of the two."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"query": "left pleural effusion", "k": 5},
                {"query": "lung nodule -calcified", "where": "sex = 'F' AND spacing_z_mm <= 3", "per": "patient", "bm25": True},
                {"like": "0b7e55f2a9d14c38e6d2705f91ab8c34", "find": "report"},
            ]
        },
    )

    query: str | None = Field(
        None, min_length=1, max_length=2000, description='Free text; after a hyphen, as in "nodule -calcified", what hits should not show.'
    )
    like: str | None = Field(None, min_length=1, max_length=200, description="Instead of `query`: the id of a scan or slice of the bank.")
    find: Literal["volume", "slice", "snippet", "report"] = Field(
        "volume", description="What to list: scans, slices in them, pieces of report text, or reports."
    )
    per: Literal["study", "patient", "scan"] = Field("study", description="What is listed once at most; `scan` searches every series.")
    where: str | None = Field(
        None,
        min_length=1,
        max_length=2000,
        description="Only scans that meet this condition in SQL, on the columns of `volumes` and on attributes.",
    )
    bm25: bool = Field(False, description="Fuse with a ranking by the words of reports, which ranks alone where no model can.")
    k: int = Field(10, ge=1, le=1000, description="Hits to list.")
    model: str | list[Annotated[str, Field(max_length=300)]] | None = Field(
        None, max_length=300, description="Search this model's vectors; of up to 8 models, the rankings are fused."
    )
    features: str | list[Annotated[str, Field(max_length=1000)]] | None = Field(
        None,
        max_length=1000,
        description="Instead of a model: a feature set by name or alias, such as production; up to 8.",
    )
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


class Sentence(BaseModel):
    """A piece of the report of a hit's study."""

    text: str = Field(description="As the bank holds it, scrubbed.")
    section: str | None = Field(description="Such as findings or impression.")
    snippet: str = Field(description="Its id in the bank.")
    score: float = Field(description="How near it is to the query, by `by`.")
    by: str = Field(description="`cosine`, of vectors, or `bm25`, of words.")


class Standing(BaseModel):
    """Where one of several rankings has a hit."""

    ranking: str = Field(description="The feature set, or `bm25`.")
    rank: int | None = Field(description="From 1; null where it is not among those that this ranking gives.")
    score: float | None = Field(description="Cosine similarity, or BM25's.")


class SearchHit(BaseModel):
    """What was found; names are pseudonyms."""

    rank: int = Field(description="From 1.")
    score: float = Field(description="Cosine similarity, -1..1; of several rankings the sum of reciprocal ranks.")
    patient: str
    study: str
    volume: str | None = Field(description="The bank's id of the scan; of a text, its study's primary series; null where there is none.")
    ordinal: int | None = Field(description="The scan's number in the bank.")
    places: list[Place] = Field(
        description="Best first; a slice that was found is the first. Empty where the bank has no vectors along depth."
    )
    slice: str | None = Field(description="The bank's id of the source slice of the first place, where one is known.")
    sentence: Sentence | None = Field(description="What of the study's report is nearest to the query, or the text that was found.")
    standings: list[Standing] = Field(description="By ranking.")


class SearchAnswer(BaseModel):
    """Hits, best first."""

    model: str = Field(description="Whose vectors were searched; with + between several; `bm25` where words alone rank.")
    find: str = Field(description="As asked.")
    per: str = Field(description="As asked.")
    features: str = Field(description="What was searched: feature sets, and `bm25`; with + between several.")
    searched: int = Field(description="Scans, pieces of text or reports that were compared.")
    studies: int = Field(description="Studies that these belong to.")
    without_vector: int = Field(description="Of what would have been compared, what has no vector in the feature set.")
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
