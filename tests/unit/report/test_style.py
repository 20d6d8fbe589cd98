from pathlib import Path

from snakeras.report import style


def test_a_picture_is_the_same_each_time_and_turns_dark(tmp_path: Path) -> None:
    for name in "first", "second":
        with style.style():
            figure = style.saying("nothing to draw")
        style.save(figure, tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    for suffix in "svg", "png":
        assert (tmp_path / f"first.{suffix}").read_bytes() == (tmp_path / f"second.{suffix}").read_bytes()
    text = (tmp_path / "first.svg").read_text()
    assert f"fill: {style.PAPER}" in text
    assert f'[style*="fill: {style.PAPER}"]{{fill:{style.DARK[style.PAPER]}!important}}' in text


def test_a_png_is_wide_enough_for_a_large_page(tmp_path: Path) -> None:
    with style.style():
        figure = style.saying("nothing to draw")
    style.save(figure, tmp_path / "a.svg", tmp_path / "a.png")
    header = (tmp_path / "a.png").read_bytes()[16:20]
    assert 1395 <= int.from_bytes(header) <= 1405


def test_dollars_in_a_text_are_no_formula(tmp_path: Path) -> None:
    with style.style():
        figure = style.saying(r"^\d+$|^\w+$")
        assert figure.texts[0].get_parse_math() is False
    style.save(figure, tmp_path / "a.svg", tmp_path / "a.png")
