"""Pages that are made of the program say what it does."""

from tests.support import commands_page, methods_page, recipe_page


def test_the_page_is_that_of_the_models():
    written = recipe_page.PAGE.read_text()
    assert written == recipe_page.page(), "python -m tests.support.recipe_page writes it again"


def test_the_page_of_the_commands_is_the_program():
    written = commands_page.PAGE.read_text()
    assert written == commands_page.page(), "python -m tests.support.commands_page writes it again"


def test_the_page_of_the_methods_is_the_recipes():
    written = methods_page.PAGE.read_text()
    assert written == methods_page.page(), "python -m tests.support.methods_page writes it again"
    assert methods_page.first_lines() in (methods_page.ROOT / "README.md").read_text()
    folders = {path.parent.name for path in (methods_page.ROOT / "configs/papers").rglob("*.yaml")}
    assert folders == set(methods_page.THEMES)
