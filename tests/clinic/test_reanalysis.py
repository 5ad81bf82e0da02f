"""Measuring many photographs again: the same as `analyze`, whatever was interrupted and wherever they lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.clinic.captures import DEVICE, REFUSED, SetClock, capture
from tests.clinic.clinic import Clinic
from trichoscope import cli
from trichoscope.clinic import reanalysis
from trichoscope.clinic.building import build_all
from trichoscope.clinic.sending import Summary, send_all
from trichoscope.clinic.server import Address
from trichoscope.clock import SystemClock
from trichoscope.measurement.hairnet import Hairnet
from trichoscope.records import Store
from trichoscope.records.outbox import Outbox

Run = Callable[..., Any]
SCALE = 2.7712345


@pytest.fixture(scope="module")
def scalps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small scalps and a file that is none."""
    folder = tmp_path_factory.mktemp("scalps")
    with pytest.raises(SystemExit):
        cli.main(["render", str(folder), "--count", "3", "--size", "400x300", "--scale-um", str(SCALE)])
    (folder / "torn.jpg").write_bytes(next(folder.glob("*.jpg")).read_bytes()[:4000])
    return folder


def analyzed(trichoscope: Run, scalps: Path, out: Path) -> dict[str, Any]:
    trichoscope("analyze", scalps, "--scale-um", SCALE, "--json", out)
    return {Path(row["image"]).name: without_time(row) for row in json.loads(out.read_text())["readings"]}


def without_time(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("elapsed_ms", "image")}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()][1:]


def by_name(path: Path) -> dict[str, Any]:
    found = rows(path)
    assert len({row["image"] for row in found}) == len(found)  # one row a photograph
    return {Path(row["image"]).name: without_time(row) for row in found}


def test_a_folder_is_measured_as_analyze_measures_it(trichoscope: Run, scalps: Path, tmp_path: Path) -> None:
    done = trichoscope("reanalyze", scalps, "--scale-um", SCALE, "--out", tmp_path / "out.jsonl")
    assert done.exit_code == 0
    assert by_name(tmp_path / "out.jsonl") == analyzed(trichoscope, scalps, tmp_path / "analyze.json")
    assert by_name(tmp_path / "out.jsonl")["torn.jpg"]["error"]["code"] == "E203"


def test_a_run_that_was_interrupted_goes_on(
    trichoscope: Run, scalps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    trichoscope("reanalyze", scalps, "--scale-um", SCALE, "--out", out)
    whole = out.read_bytes()
    lines = whole.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:3]) + lines[3][:100])  # a power cut in the third row
    measured, asked = reanalysis.measured, list[str]()

    def noted(picture: reanalysis.Picture, way: reanalysis.Way) -> reanalysis.Row:
        asked.append(picture.name)
        return measured(picture, way)

    monkeypatch.setattr(reanalysis, "measured", noted)
    trichoscope("reanalyze", scalps, "--scale-um", SCALE, "--out", out)
    assert len(asked) == 2
    assert [without_time(row) for row in rows(out)] == [without_time(json.loads(line)) for line in lines[1:]]
    trichoscope("reanalyze", scalps, "--scale-um", SCALE, "--out", out)
    assert len(asked) == 2


@pytest.mark.parametrize("change", [("--threshold-um", "30"), ("--scale-um", "3")])
def test_rows_of_two_runs_are_never_mixed(
    trichoscope: Run, scalps: Path, tmp_path: Path, change: tuple[str, str]
) -> None:
    out = tmp_path / "out.jsonl"
    trichoscope("reanalyze", scalps, "--scale-um", SCALE, "--out", out)
    before = out.read_bytes()
    assert "E522" in trichoscope("reanalyze", scalps, "--scale-um", SCALE, *change, "--out", out).stderr
    assert out.read_bytes() == before


def test_a_file_that_is_no_result_is_left_alone(trichoscope: Run, scalps: Path, tmp_path: Path) -> None:
    for content in (b"my notes\n", b'{"format": 2}\n'):
        (tmp_path / "notes").write_bytes(content)
        refused = trichoscope("reanalyze", scalps, "--scale-um", SCALE, "--out", tmp_path / "notes")
        assert "E522" in refused.stderr
        assert (tmp_path / "notes").read_bytes() == content


def test_exactly_one_source_is_asked_for(trichoscope: Run, scalps: Path, tmp_path: Path) -> None:
    for sources in ((), (scalps, "--data", tmp_path), (scalps, "--query", "PatientID=1"), (scalps, "--revise")):
        assert trichoscope("reanalyze", *sources, "--scale-um", SCALE, "--out", tmp_path / "out.jsonl").exit_code == 2


@pytest.fixture
def visits(scalps: Path, tmp_path: Path) -> Path:
    """A capture of each scalp, with readings of an older model, one refused and one set aside."""
    with Store(tmp_path / "visits", SystemClock(), create=True) as store:
        for number, path in enumerate(sorted(scalps.glob("c*.jpg"))):
            changes: dict[str, Any] = REFUSED if number == 1 else {}
            store.save(path.read_bytes(), capture(um_per_px=SCALE, **changes))
        store.set_aside(store.save(path.read_bytes(), capture(um_per_px=SCALE)).sequence, by="ab")
    return tmp_path / "visits"


def test_records_are_measured_and_what_changed_becomes_a_revision(
    trichoscope: Run, scalps: Path, visits: Path, tmp_path: Path
) -> None:
    config = tmp_path / "clinic.toml"
    config.write_text('[clinic]\ndevice_serial = "TS-0001"\n')
    arguments = ("reanalyze", "--data", visits, "--revise", "--config", config, "--out", tmp_path / "out.jsonl")
    done = trichoscope(*arguments)
    assert done.exit_code == 0
    found = list(by_name(tmp_path / "out.jsonl").values())
    expected = analyzed(trichoscope, scalps, tmp_path / "analyze.json")
    assert found == [expected[path.name] for path in sorted(scalps.glob("c*.jpg"))]
    with Store(visits, SystemClock()) as store:
        entries = [(entry.capture, entry.revision) for entry in Outbox(store).entries("waiting")]
        assert entries == [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2)]
    trichoscope(*arguments)
    with Store(visits, SystemClock()) as store:
        assert len(Outbox(store).entries("waiting")) == 5  # said once


def test_dask_gives_the_same_rows(trichoscope: Run, scalps: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    trichoscope("reanalyze", scalps, "--scale-um", SCALE, "--out", tmp_path / "one.jsonl")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        done = trichoscope(
            "reanalyze", scalps, "--scale-um", SCALE, "--out", tmp_path / "two.jsonl", "--scheduler",
            cluster.scheduler_address,
        )  # fmt: skip
    assert done.exit_code == 0
    assert by_name(tmp_path / "two.jsonl") == by_name(tmp_path / "one.jsonl")


def test_a_cluster_that_is_not_there_is_said_to_be(
    trichoscope: Run, scalps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = pytest.importorskip("trichoscope.clinic.cluster")
    monkeypatch.setattr(cluster, "TIMEOUT_S", 0.2)
    arguments = ("reanalyze", scalps, "--scale-um", SCALE, "--out", tmp_path / "out.jsonl")
    refused = trichoscope(*arguments, "--scheduler", "tcp://127.0.0.1:9")
    assert "E521" in refused.stderr
    assert trichoscope(*arguments).exit_code == 0  # the file that was begun is no hindrance


@pytest.mark.clinic
def test_what_the_clinic_has_is_measured_as_it_was_sent(
    trichoscope: Run, clinic: Clinic, scalps: Path, visits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.empty()
    with Store(visits, SystemClock()) as store, clinic.server() as server:
        outbox = Outbox(store)
        build_all(store, outbox, DEVICE, lambda done, total: None)
        send_all(outbox, server, SetClock(), Summary(), lambda done, total: None, lambda seconds: None)
    settings = clinic.settings()
    config = tmp_path / "clinic.toml"
    lines = [f'{name} = "{getattr(settings, name)}"' for name in ("device_serial", "url", "ca", "certificate", "key")]
    config.write_text("\n".join(["[clinic]", *lines]) + "\n")
    monkeypatch.setattr(reanalysis, "PAGE", 2)  # three photographs are two pages
    done = trichoscope(
        "reanalyze", "--query", "PatientID=P-0042", "--config", config, "--out", tmp_path / "clinic.jsonl"
    )
    assert done.exit_code == 0
    found = sorted(by_name(tmp_path / "clinic.jsonl").values(), key=str)
    expected = analyzed(trichoscope, scalps, tmp_path / "analyze.json")
    assert found == sorted((expected[path.name] for path in scalps.glob("c*.jpg")), key=str)
    nobody = trichoscope(
        "reanalyze", "--query", "PatientID=P-0000", "--config", config, "--out", tmp_path / "nobody.jsonl"
    )
    assert nobody.exit_code == 0
    assert rows(tmp_path / "nobody.jsonl") == []


@pytest.mark.clinic
def test_what_the_clinic_does_not_give_is_left_to_the_next_run(clinic: Clinic, tmp_path: Path) -> None:
    away = replace(clinic.settings(), url="https://localhost:9/dicom-web")
    model = Hairnet.load().sha256
    address = Address("2.25.1", "2.25.2", "2.25.3")
    row = reanalysis.measured(
        reanalysis.Picture("2.25.3", 40.0, None, address=address), reanalysis.Way(model, clinic=away)
    )
    assert row["error"]["code"] == "E502"
    with reanalysis.Results(tmp_path / "out.jsonl", {"model": {}}) as results:
        assert not results.add(row)
        assert list(results.rows()) == []
