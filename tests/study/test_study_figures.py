"""Ticks of logarithmic axes are numbers that people read."""

import pytest

from sampler.study.figures import labelled, leading, save


@pytest.mark.parametrize(("value", "digit"), [(0.7, 7), (1.0, 1), (1000.0, 1), (0.002, 2), (5e4, 5), (9e-3, 9)])
def test_the_first_digit(value, digit):
    assert leading(value) == digit


@pytest.mark.parametrize(("ratio", "digits"), [(2.0, {2, 3, 7, 9}), (50.0, {2, 5}), (1e4, set())])
def test_as_many_labels_as_there_is_room_for(ratio, digits):
    assert digits <= set(labelled(ratio))
    assert bool(labelled(ratio)) == bool(digits)


def test_ticks_of_less_than_a_decade_are_written_out(tmp_path):
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.plot([100, 600], [1.3, 0.7])
    axes.set(yscale="log")
    save(figure, tmp_path / "one")
    assert (tmp_path / "one.png").stat().st_size and (tmp_path / "one.svg").stat().st_size
    words = {label.get_text() for label in axes.get_yticklabels(which="both")}
    assert {"0.7", "0.8", "1"} <= words
    assert not any("$" in word for word in words)
