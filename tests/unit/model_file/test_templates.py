import pytest
from snakeras.model_file import hyperas_compat, templates

T = "{{uniform(0, 1)}}"


def shown(*lines: str, parameters: str = "x") -> list[str]:
    body = "".join(f"    {line}\n" for line in lines)
    return [name.shown for name in templates.names(f"def model({parameters}):\n{body}    return 1\n") if name.shown]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"k2 = {T}", "k2"),
        (f"a = b = {T}", "a"),
        (f"rate: float = {T}", "rate"),
        (f"x *= {T}", "x"),
        (f"if (y := {T}) > 0.5: pass", "y"),
        (f"self.rate = {T}", "rate"),
        (f"settings['lr'] = {T}", "lr"),
        (f"units = int(round({T}))", "units"),
        (f"lr = 10 ** -{T}", "lr"),
        (f"lr = np.power(10, {T})", "lr"),
        (f"size = sizes[{T}]", "size"),
        (f"sizes[0] = {T}", "sizes"),
        (f"sizes[i]['units'] = {T}", "units"),
        (f"units, rate = {T}", "rate"),
        (f"for units in {T}: pass", "units"),
        (f"with {T} as units: pass", "units"),
        (f"size = 1 if {T} > 0.5 else 2", "size"),
        (f"settings = {{'learning rate': float({T})}}", "learning_rate"),
        (f"settings = dict(lr={T})", "lr"),
        (f"m.add(Dense(8, optimizer=Adam(learning_rate=10 ** {T})))", "learning_rate"),
        (f"x = keras.layers.Dropout({T})(x)", "Dropout"),
        (f"x = Embedding(200, {T})", "Embedding"),
        (f"x = call(*sizes, {T})", "call"),
        (f"m.add(Conv2D(int({T}), 3))", "Conv2D"),
        (f"m.add(Conv2D(**{T}))", "Conv2D"),
        (f"x = layers[0]({T})(x)", "layers"),
        (f"x = getattr(layers, 'Dropout')({T})(x)", "x"),
        (f"f = lambda k={T}: k", "k"),
        (f"return int({T})", "int"),
        (f"return {T}", "uniform"),
        (f"if {T} > 0.5: pass", "uniform"),
    ],
)
def test_a_hyperparameter_has_the_name_of_its_own_place(line: str, name: str) -> None:
    assert shown(line) == [name]
    # Wherever the same text stands before.
    assert shown(f"before = {T}", f"f(early={T})", line)[2] == (name if name != "uniform" else "early_1")


def test_names_of_several() -> None:
    assert shown(f"a, b = {T}, int({T})", f"[c, d] = [{T}, {T}]", f"e = [{T}, {T}]") == ["a", "b", "c", "d", "e", "e_1"]
    assert shown(f"(a, b), c = ({T}, {T}), int({T})", f"d, *e = {T}, {T}") == ["a", "b", "c", "d", "e"]
    assert shown(f"f, g, h = *sizes, {T}, {T}") == ["h", "h_1"]
    assert shown(f"x = Dropout({T})(x)", f"x = Dropout({T})(x)") == ["Dropout", "Dropout_1"]
    assert shown("if x:", f"    units = {T}", "else:", f"    units = {T}") == ["units", "units_1"]
    assert shown(f"é = {T}; ü = {T}") == ["é", "ü"]
    assert shown(f"z = {T}", parameters=f"x, k={T}, *, m={T}") == ["k", "m", "z"]


def test_names_differ_whatever_the_variables_are_called() -> None:
    assert shown(f"y = {T}", f"x = {T}", f"x = {T}", "x_1 = {{randint(3)}}") == ["y", "x", "x_2", "x_1"]
    # Hyperas calls the last two x_1: one hyperparameter.
    assert shown("x = {{randint(2)}}", "x = {{randint(4)}}", "x_1 = {{randint(3)}}") == ["x", "x_1", "x_1"]
    # hyperopt's label of a distribution inside another is a name too.
    assert shown("m = {{choice([0, hp.uniform('m_1', 0, 1)])}}", "m = {{choice([3])}}") == ["m", "m_2"]


@pytest.mark.parametrize(
    "other",
    [
        "# b = {{uniform(0, 1)}}",
        "# epochs = {{choice([1])}}, {{choice([1])}}",
        "y = 3  # a = {{choice([2])}}",
        "'''As in a = {{uniform(0, 1)}}.'''",
        '"""a = {{uniform(0, 1)}} or\nt = {{choice([\n1])}}"""',
        'print("a = {{uniform(0, 1)}}", f"{{normal(0, 1)}}")',
    ],
)
def test_comments_and_texts_have_no_names_and_take_none(other: str) -> None:
    lines = ["a = {{uniform(0, 1)}}", "b = f({{uniform(0, 1)}}, [{{choice([1])}}])", "a = {{uniform(0, 2)}}"]
    for place in range(len(lines) + 1):
        assert shown(*lines[:place], other, *lines[place:]) == ["a", "f", "f_1", "a_1"]


@pytest.mark.parametrize("first", [f"x = Embedding(200, {T})", f"return {T}", f"# {T}"])
def test_a_first_template_without_a_name_has_a_label_where_hyperas_fails(first: str) -> None:
    source = f"def f(x):\n    q = 1\n    {first}\n    y = g(3, {{{{choice([1])}}}})\n"
    with pytest.raises(IndexError):
        hyperas_compat.import_hyperas(keras=False).hyperparameter_names(source)
    label = "Embedding" if "Embedding" in first else "uniform"
    assert [name.label for name in templates.names(source)] == [label, f"{label}_1"]
