"""The commands `scanbank import` and `scanbank export`: vectors made elsewhere in, feature sets out."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import At, BankPath, Json, KeyFile
from .output import complain, print_json, progress, say

if TYPE_CHECKING:
    from ..store import Bank, FeatureSet, ViewSpec
    from ..store.exchange import ImportReport

UNKNOWN = "unknown"


class Kind(StrEnum):
    """What the vectors are of."""

    slice = "slice"
    volume = "volume"
    text = "text"


class Precision(StrEnum):
    """How vectors are stored."""

    float16 = "float16"
    float32 = "float32"


def import_(
    bank: BankPath,
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help=".npz, .h5, .parquet, a Zarr group, or a folder of .pt, .npz or .npy.", show_default=False),
    ],
    encoder: Annotated[
        str, typer.Option("--encoder", metavar="NAME[@VERSION]", help="What made the vectors, as you call it.", show_default=False)
    ],
    kind: Annotated[Kind, typer.Option("--kind", help="What each vector is of.", show_default=False)],
    key: Annotated[
        str,
        typer.Option(
            "--key",
            help="What the keys are: path, accession, series, study or patient, as tables name them; or volume, slice, snippet or "
            "ordinal, as the bank does.",
            show_default=False,
        ),
    ],
    view: Annotated[
        str, typer.Option("--view", help="How the voxels were windowed: unknown, or as `embed` takes --window, such as brain or 40/80.")
    ] = UNKNOWN,
    layer: Annotated[str, typer.Option("--layer", help="The layer that the vectors come from, where there are several.")] = "",
    root: Annotated[
        Path | None,
        typer.Option("--root", help="Folder that relative paths count from; by default the one of SOURCE.", show_default=False),
    ] = None,
    key_column: Annotated[
        str | None,
        typer.Option("--key-column", help="The array or column with the keys, where names do not tell.", show_default=False),
    ] = None,
    vector_column: Annotated[
        str | None, typer.Option("--vector-column", help="The one with the vectors, where names do not tell.", show_default=False)
    ] = None,
    precision: Annotated[
        Precision | None, typer.Option("--precision", help="How they are stored; by default as they come.", show_default=False)
    ] = None,
    skip_unknown: Annotated[bool, typer.Option("--skip-unknown", help="Leave out keys that the bank does not know.")] = False,
    create_items: Annotated[
        bool, typer.Option("--create-items", help="Make an item of every key that the bank does not know, for a bank without scans.")
    ] = False,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Take embeddings made elsewhere into a feature set, marked as declared. docs/exchange.md has an example of each format."""
    from ..embed.torch_files import read_vector
    from ..store import Bank
    from ..store.exchange import ImportOptions, SourceOptions, import_vectors, open_source
    from ..store.exchange.resolve import check_key

    check_key(kind.value, key)
    name, version = _encoder(encoder)
    options = ImportOptions(
        name, kind.value, key, version, _view(view), layer, precision.value if precision else None, root, skip_unknown, create_items
    )
    opened = Bank.open(bank, key_file=key_file)
    how = SourceOptions(key, key_column, vector_column, by_slice=kind is Kind.slice and key not in ("slice", "ordinal"))
    with progress(not json) as listener:
        embeddings = open_source(source, how, pt_reader=read_vector, progress=listener)
        report = import_vectors(opened, embeddings, options, progress=listener)
    if json:
        print_json(asdict(report))
    else:
        _tell(report)


def export(
    bank: BankPath,
    features: Annotated[
        str, typer.Argument(metavar="FEATURES", help="A feature set by its name, or the beginning of its digest.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write: .npz, .h5, .parquet, or .zarr (a folder).", show_default=False)
    ],
    at: At = None,
    json: Json = False,
) -> None:
    """Write a feature set to a plain file: vectors, ids, and what made them."""
    from ..store import Bank
    from ..store.exchange import EXPORT_SUFFIXES, export_features
    from .target import check_target

    if output.suffix.lower() == ".zarr" and output.is_dir():
        from ..store.errors import UsageError

        raise UsageError(f"--output {output}: it exists already; choose another name, or remove it first")
    check_target("--output", output, *EXPORT_SUFFIXES)
    opened = Bank.open(bank, at=at)
    with progress(not json) as listener:
        report = export_features(opened, _features(opened, features), output, progress=listener)
    if json:
        print_json(asdict(report))
        return
    say(f"{report.rows} vectors of {report.features} in {report.path}")
    if report.left_out:
        complain(f"{report.left_out} vectors left out: of items that others took the place of")


def _encoder(text: str) -> tuple[str, str]:
    """The name with its version, as feature sets show it, and the version."""
    from ..store.errors import UsageError

    name, _, version = text.partition("@")
    if not name or text != text.strip() or not text.isprintable() or set(text) & set("\",'"):
        raise UsageError(f"--encoder {text!r}: expected a name such as medsiglip or medsiglip@2, without quotes and commas")
    return text, version


def _view(text: str) -> ViewSpec:
    from ..store import ViewSpec
    from ..store.windows import parse_windows

    return ViewSpec.unknown() if text.strip().lower() == UNKNOWN else ViewSpec.declared(parse_windows(text))


def _features(bank: Bank, name: str) -> FeatureSet:
    from ..store.features import distinct_names

    digest = next((digest for digest, shown in distinct_names(bank.feature_sets).items() if shown == name), name)
    return bank.features(digest)


def _tell(report: ImportReport) -> None:
    say(f"{report.added} vectors of width {report.dim} into {report.features} ({report.precision}, declared)")
    if report.created:
        say(f"{report.created} items made of keys that the bank did not know")
    if report.present:
        say(f"{report.present} were there already, with equal vectors")
    if report.unknown:
        complain(f"{report.unknown} of {report.rows} left out: the bank does not know their keys")
