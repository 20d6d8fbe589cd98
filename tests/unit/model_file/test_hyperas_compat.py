import sys
from pathlib import Path

import pytest
from snakeras.model_file import hyperas_compat

pytestmark = pytest.mark.slow


def test_hyperas_imports_on_todays_keras_and_says_what_is_gone() -> None:
    import keras

    hyperas_compat.import_hyperas()
    from hyperas.ensemble import VotingModel

    assert VotingModel
    with pytest.raises(NotImplementedError, match="model_from_json"):
        keras.models.model_from_yaml("")


def test_hyperas_is_left_as_it_was(tmp_path: Path) -> None:
    optim = hyperas_compat.import_hyperas()
    before, path = (optim.fmin, optim.write_temp_files), list(sys.path)
    with pytest.raises(KeyError), hyperas_compat.recording_hyperas(tmp_path) as (minimize, recorder):
        assert minimize is optim.minimize
        assert optim.fmin(print, space={"x": 1}, algo=None, max_evals=1, trials=[], rseed=1) == {}
        assert (recorder.function, recorder.space) == (print, {"x": 1})
        optim.write_temp_files("x = 1\n", "./temp_model.py")
        from temp_model import x

        assert x == 1
        raise KeyError
    assert (optim.fmin, optim.write_temp_files) == before
    assert sys.path == path
    assert "temp_model" not in sys.modules
    assert [file.name for file in tmp_path.glob("*.py")] == ["temp_model.py"]
