"""docs/recipe.md says what the models say."""

from tests.support.recipe_page import PAGE, page


def test_the_page_is_that_of_the_models():
    assert PAGE.read_text() == page(), "python -m tests.support.recipe_page writes it anew"
