"""Decoders that die or hang: each costs the request that met it, and nothing is left of them at the end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless

from dicom_files import write_series
from processes import decoding
from scanbank.embed.decoding import Job, run_job
from scanbank.embed.registry import open_encoder
from scanbank.scripts.service.decoders import Decoders
from scanbank.store.errors import ReadError
from scanbank.store.local_map import Located
from scanbank.store.progress import Silent
from scanbank.store.readers.scans import Images, find_scans
from service_servers import client_of, metric, png_of, serving

Files = list[tuple[str, tuple[str, bytes]]]
PICTURE = {"content": png_of(np.arange(256).reshape(16, 16)), "headers": {"Content-Type": "image/png"}}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One scan twice, as it is and compressed."""
    made = {"native": tmp_path_factory.mktemp("native"), "packed": tmp_path_factory.mktemp("packed")}
    write_series(made["native"], n=4, shape=(40, 48))
    write_series(made["packed"], n=4, shape=(40, 48), transfer_syntax=JPEG2000Lossless)
    return made


@pytest.fixture(scope="module")
def scans(folders: dict[str, Path]) -> dict[str, Files]:
    return {name: [("file", (path.name, path.read_bytes())) for path in sorted(folder.iterdir())] for name, folder in folders.items()}


@pytest.fixture(scope="module")
def job(folders: dict[str, Path]) -> Job:
    (header,) = find_scans([folders["packed"]], Images(), 1, Silent()).scans
    return Job(Located(header.kind, header.sources, None), 4)


@pytest.fixture
def pool() -> Iterator[Decoders]:
    made = Decoders(60.0)
    yield made
    made.close()
    assert children() == set()


def children() -> set[int]:
    return decoding(os.getpid())


def until(true: Callable[[], object]) -> None:
    """Waits for something that must come."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_compressed_scans_and_pictures_alone_are_decoded_elsewhere(scans: dict[str, Files]) -> None:
    with serving([open_encoder("intensity")]) as server, client_of(server) as client:
        native = client.post("/v1/embed/volume", files=scans["native"])
        assert children() == set()
        packed = client.post("/v1/embed/volume", files=scans["packed"])
        (process,) = children()
        assert native.status_code == 200
        assert packed.json() == native.json()
        slices = [client.post("/v1/embed/image", files=scans[name]).json() for name in ("native", "packed")]
        assert slices[0] == slices[1]
        assert len(slices[0]["vectors"]) == 4
        assert client.post("/v1/embed/image", **PICTURE).status_code == 200
        assert children() == {process}
    assert children() == set()


def test_a_decoder_that_dies_costs_its_request_alone(scans: dict[str, Files]) -> None:
    with serving([open_encoder("intensity")]) as server, client_of(server) as client, ThreadPoolExecutor(1) as threads:
        before = client.post("/v1/embed/volume", files=scans["packed"])
        (process,) = children()
        os.kill(process, signal.SIGSTOP)  # so that it dies over what it is given next
        dying = threads.submit(client.post, "/v1/embed/volume", files=scans["packed"])
        until(lambda: metric(client, "scanbank_decoding_processes") == {"scanbank_decoding_processes": 1.0})
        os.kill(process, signal.SIGSEGV)
        os.kill(process, signal.SIGCONT)
        answer = dying.result()
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert answer.json()["detail"] == "the scan could not be decoded: that ended the process that did it (signal 11)"
        after = client.post("/v1/embed/volume", files=scans["packed"])
        assert (after.status_code, after.json()) == (200, before.json())
        assert process not in children()
        assert metric(client, "scanbank_held_bytes") == {"scanbank_held_bytes": 0.0}


def test_a_decoder_that_hangs_is_stopped_and_another_started(pool: Decoders, job: Job) -> None:
    pool.run(job)
    (process,) = children()
    os.kill(process, signal.SIGSTOP)
    pool.patience = 0.1
    with pytest.raises(ReadError, match="could not be decoded: that did not end within 0 s"):
        pool.run(job)
    assert children() == set()
    pool.patience = 60.0
    np.testing.assert_array_equal(pool.run(job).volume.voxels, run_job(job).volume.voxels)
    # One that dies while it is free costs nothing.
    (process,) = children()
    os.kill(process, signal.SIGKILL)
    # its main thread may be dead while others are still dying, and until then nobody is told
    until(lambda: "State:\tZ" in (told := Path(f"/proc/{process}/status").read_text()) and "Threads:\t1\n" in told)
    assert pool.run(job).volume.voxels.shape == (4, 40, 48)


def test_jobs_at_once_have_a_process_each(pool: Decoders, job: Job) -> None:
    pool.warm()
    pool.run(job)
    (first,) = children()
    os.kill(first, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(pool.run, job)
        until(lambda: pool.busy == 1)
        quick = pool.run(job)
        assert pool.busy == 1
        assert len(children()) == 2
        os.kill(first, signal.SIGCONT)
        np.testing.assert_array_equal(slow.result().volume.voxels, quick.volume.voxels)
    assert pool.busy == 0
