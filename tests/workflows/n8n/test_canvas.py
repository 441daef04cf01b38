import pytest

from passerelle.workflows.n8n.canvas import Canvas, DrawingError
from passerelle.workflows.n8n.expressions import command_line, expression, literal
from passerelle.workflows.n8n.nodes import ExecuteCommand, ManualTrigger, NoOp, OnError, StopAndError


def _canvas() -> Canvas:
    return Canvas("passerelleTest00", "Test", "For a test.", {"executionOrder": "v1"})


def test_the_same_drawing_has_the_same_ids() -> None:
    def drawn() -> object:
        canvas = _canvas()
        canvas.connect(canvas.add(ManualTrigger(name="Go"), 0, 0), canvas.add(NoOp(name="Done"), 1, 0))
        return canvas.json()

    assert drawn() == drawn()


def test_two_nodes_of_one_name_are_refused() -> None:
    canvas = _canvas()
    canvas.add(NoOp(name="Done"), 0, 0)
    with pytest.raises(DrawingError, match="two nodes"):
        canvas.add(NoOp(name="Done"), 1, 0)


def test_an_output_that_is_not_there_is_refused() -> None:
    canvas = _canvas()
    go, done = canvas.add(ManualTrigger(name="Go"), 0, 0), canvas.add(NoOp(name="Done"), 1, 0)
    with pytest.raises(DrawingError, match="no output"):
        canvas.connect(go, done, "held back")


def test_nothing_leads_out_of_a_failed_end_or_into_a_trigger() -> None:
    canvas = _canvas()
    go, stop = canvas.add(ManualTrigger(name="Go"), 0, 0), canvas.add(StopAndError(name="Stop", message="No."), 1, 0)
    for source, target in ((stop, go), (go, go)):
        with pytest.raises(DrawingError, match="cannot lead"):
            canvas.connect(source, target)


def test_a_node_from_elsewhere_is_refused() -> None:
    canvas = _canvas()
    with pytest.raises(DrawingError, match="not on the canvas"):
        canvas.connect(canvas.add(ManualTrigger(name="Go"), 0, 0), NoOp(name="Elsewhere"))


def test_a_node_that_nothing_leads_to_is_refused() -> None:
    canvas = _canvas()
    canvas.add(NoOp(name="Done"), 0, 0)
    with pytest.raises(DrawingError, match="nothing leads to"):
        canvas.json()


def test_an_error_output_that_leads_nowhere_is_refused() -> None:
    canvas = _canvas()
    go = canvas.add(ManualTrigger(name="Go"), 0, 0)
    run = canvas.add(ExecuteCommand(name="Run", command="true", on_error=OnError.ERROR_OUTPUT), 1, 0)
    canvas.connect(go, run)
    with pytest.raises(DrawingError, match="leads nowhere"):
        canvas.json()


def test_an_expression_that_n8n_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="two braces"):
        expression("({ a: { b: 1 }})")


def test_a_literal_never_has_two_closing_braces_in_a_row() -> None:
    assert "}}" not in literal({"a": {"b": {"c": {}}}})
    assert expression(literal({"a": {"b": {"c": {}}}}))


def test_fixed_words_of_a_shell_line_are_quoted() -> None:
    line = command_line(["passerelle", "--workspace", "/srv/my shop; rm -rf"], "{ }")
    assert "'/srv/my shop; rm -rf'" in line
    assert line.endswith("{{ JSON.stringify({ }).base64Encode() }}")
