from pathlib import Path

from tests.stats.vectors import all_vectors

HERE = Path(__file__).parent


def test_every_vector_is_named_by_a_test() -> None:
    sources = [*HERE.glob("test_*.py"), HERE.parent / "test_agreement.py", HERE.parent / "test_routing.py"]
    text = "\n".join(source.read_text() for source in sources)
    assert [name for name in all_vectors() if f'"{name}"' not in text] == []
