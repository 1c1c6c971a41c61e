"""`daneel memory`: the way of a user, and every wrong turn."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daneel import cli
from daneel.cli import memory
from daneel.memory.opening import open_store

Out = pytest.CaptureFixture[str]

ROWS = [
    {"id": "cup", "vector": [1, 0, 0], "metadata": {"room": "kitchen", "step": 3}},
    {"id": "pan", "vector": [0.8, 0.6, 0], "metadata": {"room": "kitchen", "step": 9}},
    {"id": "coat", "vector": [0, 0, 2.5]},
]


def main(*argv: str | Path) -> int:
    """Runs `daneel memory`."""
    return cli.main(["memory", *(str(word) for word in argv)])


def lines(path: Path, *rows: Any) -> Path:
    """A JSONL file; texts are written as they are."""
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows) + "\n")
    return path


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Three rows."""
    return lines(tmp_path / "rows.jsonl", *ROWS)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of them, only read."""
    folder = tmp_path_factory.mktemp("kept")
    assert main("add", folder / "store", lines(folder / "rows.jsonl", *ROWS)) == 0
    return folder / "store"


def test_the_way_of_a_user(tmp_path: Path, rows: Path, capsys: Out) -> None:
    """Add, add again, search, look, compact, verify."""
    store = tmp_path / "store"
    for _ in range(2):
        assert main("add", store, rows, "--batch", "2") == 0
        assert "3 rows added in" in capsys.readouterr().out
    assert main("search", store, "--vector", "1,0,0", "--k", "2") == 0
    text = capsys.readouterr().out
    assert text.index("cup") < text.index("pan") and "0.8" in text and "coat" not in text
    assert main("stats", store) == 0
    text = capsys.readouterr().out
    assert "rows" in text and "cosine" in text
    assert main("compact", store) == 0
    assert "is compact: 3 rows" in capsys.readouterr().out
    assert main("verify", store) == 0
    assert "sound, 3 rows" in capsys.readouterr().out


def test_arrays_and_standard_input(
    tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NPZ with and without metadata, lines through a pipe; another metric."""
    store, arrays = tmp_path / "store", tmp_path / "a.npz"
    vectors = np.eye(4, dtype=np.float32)[:3] * 5
    np.savez(arrays, ids=["a", "b", "c"], vectors=vectors, metadata=['{"n": 1}', "{}", "{}"])
    np.savez(tmp_path / "b.npz", ids=["d"], vectors=vectors[:1])
    added = ["add", store, arrays, tmp_path / "b.npz", "--metric", "l2", "--json"]
    assert main(*added, "--batch", "2") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 4
    monkeypatch.setattr("sys.stdin", io.StringIO('{"id": "e", "vector": [9, 0, 0, 0]}\n\n'))
    assert main("add", store, "-", "--metric", "l2") == 0
    with open_store(store, 4, "l2") as found:
        assert found.get(["a", "e"]).metadata == [{"n": 1}, {}]
        np.testing.assert_array_equal(found.get(["d"]).vectors, vectors[:1])


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--like", "pan"], [["pan", "cup", "coat"]]),
        (["--vector", "[0,0,1]", "--k", "1"], [["coat"]]),
        (["--vector", "1,0,0", "--where", '{"step": {"gt": 3}}'], [["pan"]]),
        (["--vector", "1,0,0", "--where", '{"room": "cellar"}'], [[]]),
        (["--queries", "QUERIES", "--k", "1"], [["cup"], ["coat"]]),
    ],
)
def test_searches(kept: Path, argv: list[str], expected: Any, tmp_path: Path, capsys: Out) -> None:
    """By a vector, by a row, by many; with a condition."""
    np.save(tmp_path / "q.npy", np.eye(3)[[0, 2]])
    words = [word.replace("QUERIES", str(tmp_path / "q.npy")) for word in argv]
    assert main("search", kept, *words, "--json") == 0
    found = json.loads(capsys.readouterr().out)["hits"]
    assert [[row["id"] for row in rows] for rows in found] == expected
    assert main("search", kept, *words) == 0
    text = capsys.readouterr().out
    assert all(name in text for names in expected for name in names)
    assert ("query" in text) == (len(expected) > 1)
    assert ("Nothing found." in text) == (expected == [[]])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["ad"], "Nearest: add"),
        (["add", "STORE"], "No files were named"),
        (["add", "STORE", "F", "--batch", "0"], "batch is 0"),
        (["add", "STORE", "none.jsonl"], "There is no file 'none.jsonl'"),
        (["add", "STORE", "rows.csv"], "ends in '.csv'. Expected .jsonl or .npz"),
        (["search", "STORE"], "No query given. Expected one of --vector"),
        (["search", "STORE", "--vector", "1", "--like", "a"], "vector and like given"),
        (["search", "STORE", "--vector", "1,x,0"], "Expected numbers with commas"),
        (["search", "STORE", "--vector", "1,0"], "queries has shape (2,). Expected [N, 3]"),
        (["search", "STORE", "--vector", "1,nan,0"], "NaN or infinity"),
        (["search", "STORE", "--like", "hat"], "No row has the id 'hat'"),
        (["search", "STORE", "--queries", "q.txt"], "Expected .npy or .npz"),
        (["search", "STORE", "--queries", "q.npy"], "There is no file 'q.npy'"),
        (["search", "STORE", "--like", "cup", "--where", "{"], "where is no JSON"),
        (["search", "STORE", "--like", "cup", "--where", "[]"], "Expected a JSON object of fields"),
        (["search", "STORE", "--like", "cup", "--where", '{"a": {"like": 1}}'], "operator 'like'"),
        (["search", "STORE", "--like", "cup", "--k", "0"], "k is 0"),
        (["stats", "STORE", "--metric", "l2"], "metric"),
        (["stats", "STORE", "--token-file", "t"], "token_file given for"),
        (["stats", "grpc://127.0.0.1:1/a", "--token-file", "/none"], "/none cannot be read"),
        (["stats", "memroy://"], "memory"),
        (["stats", "NOWHERE"], "nowhere"),
        (["verify", "memory://"], "memory://"),
    ],
)
def test_refusals(kept: Path, tmp_path: Path, argv: list[str], message: str, capsys: Out) -> None:
    """One clean message, exit code 2, and nothing new on the disk."""
    words = [
        w.replace("STORE", str(kept)).replace("NOWHERE", str(tmp_path / "nowhere")) for w in argv
    ]
    assert main(*words) == 2
    out, err = capsys.readouterr()
    assert message in err and "Traceback" not in err and out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is no JSON"),
        ("[1]", "line 2 has list"),
        ({"id": "x"}, "line 2 has ['id']"),
        ({"id": "x", "vector": [1, 0, 0], "metdata": {}}, "'metdata'"),
        ({"id": 3, "vector": [1, 0, 0]}, "id must be a text"),
        ({"id": "x", "vector": [1, True, 0]}, "vector a list of numbers"),
        ({"id": "x", "vector": []}, "vector a list of numbers"),
        ({"id": "x", "vector": [1, 0, 0], "metadata": [1]}, "metadata is [1]"),
        ({"id": "cup", "vector": [1, 0, 0]}, "'cup' for the second time"),
        ({"id": "x", "vector": [1, 0]}, "hold vectors of [2, 3] numbers"),
        ('{"id": "x", "vector": [1, NaN, 0]}', "NaN or infinity"),
        ({"id": "", "vector": [1, 0, 0]}, "ids[1] is ''"),
    ],
)
def test_lines_that_are_wrong(tmp_path: Path, line: Any, message: str, capsys: Out) -> None:
    """The place is named; of the batch nothing is added."""
    wrong = lines(tmp_path / "wrong.jsonl", ROWS[0], line)
    assert main("add", tmp_path / "store", wrong) == 2
    err = capsys.readouterr().err
    assert message in err and "wrong.jsonl" in err


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"ids": ["a"]}, "holds the arrays ['ids']"),
        ({"ids": [1], "vectors": np.ones((1, 3))}, "ids are int64"),
        ({"ids": ["a"], "vectors": np.ones(3)}, "vectors [3]"),
        ({"ids": ["a", "b"], "vectors": np.ones((1, 3))}, "2 ids, 1 vectors"),
        ({"ids": ["a"], "vectors": np.ones((1, 3)), "metadata": ["[]"]}, "Expected a JSON object"),
        ({"ids": ["a"], "vectors": np.ones((1, 3)), "metadata": ["{"]}, "Expected a JSON object"),
    ],
)
def test_arrays_that_are_wrong(
    tmp_path: Path, arrays: dict[str, Any], message: str, capsys: Out
) -> None:
    """Before the store is made."""
    given: dict[str, Any] = {name: np.asarray(value) for name, value in arrays.items()}
    np.savez(tmp_path / "a.npz", **given)
    assert main("add", tmp_path / "store", tmp_path / "a.npz") == 2
    assert message in capsys.readouterr().err and not (tmp_path / "store").exists()


def test_files_that_are_damaged(tmp_path: Path, capsys: Out) -> None:
    """Cut off, or pickled."""
    cut = tmp_path / "cut.npz"
    cut.write_bytes(b"PK\x03\x04 half")
    np.savez(tmp_path / "objects.npz", ids=np.array(["a", None], object), vectors=np.ones((2, 3)))
    for path in (cut, tmp_path / "objects.npz"):
        assert main("add", tmp_path / "store", path) == 2
        assert f"{path} cannot be read" in capsys.readouterr().err
    np.save(tmp_path / "one.npy", np.ones((1, 3)))
    Path(tmp_path / "one.npy").rename(tmp_path / "one.npz")
    assert main("add", tmp_path / "store", tmp_path / "one.npz") == 2
    assert "holds the arrays ['vectors']" in capsys.readouterr().err


def test_what_was_added_before_a_mistake_is_told(tmp_path: Path, capsys: Out) -> None:
    """And is there."""
    wrong = lines(tmp_path / "wrong.jsonl", *ROWS[:2], "{")
    assert main("add", tmp_path / "store", wrong, "--batch", "2") == 2
    assert "2 rows before that are kept." in capsys.readouterr().err
    assert main("stats", tmp_path / "store", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 2


def test_help(capsys: Out) -> None:
    """Of the verb, and of an action without gRPC."""
    for argv in ([], ["--help"]):
        with pytest.raises(SystemExit):
            memory.parse(argv)
        assert all(f"\n  {name} " in capsys.readouterr().out for name in ["serve"])
    code = (
        "import sys; sys.modules['grpc'] = sys.modules['lancedb'] = None\n"
        "from daneel.cli import main\n"
        "sys.exit(main(['memory', 'search', '--help']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "--where" in done.stdout, done.stderr


def test_serve_without_grpc_names_the_extra() -> None:
    """What to install."""
    code = (
        "import sys; sys.modules['grpc'] = None\n"
        "from daneel.cli import main\n"
        "sys.exit(main(['memory', 'serve']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and 'pip install "daneel[memory]"' in done.stderr, done.stderr


@pytest.mark.slow
def test_serve_add_search(rows: Path, capsys: Out) -> None:
    """A server of its own, spoken to by the other actions; SIGTERM ends it well."""
    words = [
        sys.executable,
        "-m",
        "daneel",
        "memory",
        "serve",
        "--path",
        "memory://",
        "--port",
        "0",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().removeprefix("memory ").strip() + "/things"
        try:
            assert main("add", address, rows) == 0
            assert main("search", address, "--like", "pan", "--k", "1", "--json") == 0
            out = capsys.readouterr().out
            assert f"{address} has 3" in out and '"id": "pan"' in out
            assert main("stats", address) == 0
            assert main("verify", address) == 2
            assert "cannot be verified from here" in capsys.readouterr().err
        finally:
            server.terminate()
        assert server.wait(60) == 0
