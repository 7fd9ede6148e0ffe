"""Documents of each kind become passages; what cannot be read is said."""

import pytest

from stages.errors import UserError
from stages.shared.texts.documents import paragraphs
from stages.source.documents import Documents


def rows(path, **settings):
    return list(Documents(path=path, **{"least": 3, **settings}).initial_rows())


def test_the_shipped_documents(root):
    stage = Documents(path=root / "configs/seeds/documents", least=25, most=120)
    found = list(stage.initial_rows())
    headings = [(row["document"], row["heading"]) for row in found]
    assert headings[:3] == [
        ("bread.md", "The starter"), ("bread.md", "Baking"), ("hash_tables.txt", ""),
    ]  # fmt: skip
    assert headings[11:14] == [
        ("tides.html", "Tides"), ("tides.html", "Springs and neaps"),
        ("workshop.md", "Opening hours"),
    ]  # fmt: skip
    assert stage.count_initial_rows() == len(found)
    text = " ".join(row["passage"] for row in found)
    assert "acetone" in text
    assert not any(gone in text for gone in ("never read", "navy", "Top", "#"))


def test_paragraphs_of_one_heading_are_joined_and_long_ones_cut_at_a_sentence(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("# One\nA b c.\n\nD e f.\n# Two\n" + "G h i j k. " * 6)
    found = rows(path, most=12)
    assert [(row["heading"], row["passage"]) for row in found] == [
        ("One", "A b c. D e f."),
        ("Two", "G h i j k. G h i j k."), ("Two", "G h i j k. G h i j k."),
        ("Two", "G h i j k. G h i j k."),
    ]  # fmt: skip
    assert [row["position"] for row in found] == [0, 1, 2, 3]


def test_no_text_of_html_stands_twice(tmp_path):
    path = tmp_path / "a.html"
    path.write_text("<ul><li><p>One two three four.</p></li></ul><table><tr><td>Five six seven.")
    assert [row["passage"] for row in rows(path)] == ["One two three four. Five six seven."]


@pytest.mark.parametrize(
    ("html", "texts"),
    [
        ("<p>Alpha one two<p>Beta one two<p>Gamma one two", ["Alpha", "Beta", "Gamma"]),
        ("<ul><li>Buy one two<ul><li>white one two</ul></ul>", ["Buy", "white"]),
        ("<div>all the text</div>", ["all"]),
        ("<div>one two three <b>bold</b> four<p>five six seven</p>eight nine ten</div>",
         ["one", "five", "eight"]),
        ("<header><h1>Head</h1></header><p>one two three <!-- no --></p>", ["one"]),
    ],
)  # fmt: skip
def test_no_text_of_html_is_lost(tmp_path, html, texts):
    (tmp_path / "a.html").write_text(html)
    found = paragraphs(tmp_path / "a.html")
    assert [text.split()[0] for _, text in found] == texts
    assert "no" not in found[-1][1].split()


def test_a_comment_in_code_is_no_heading(tmp_path):
    path = tmp_path / "a.md"
    path.write_text(
        "# Install\n\n```bash\n# get the tool\n\npip install x\n```\n\nAll is well ##\n"
    )
    assert paragraphs(path) == [
        ("Install", "```bash # get the tool pip install x ```"), ("Install", "All is well ##"),
    ]  # fmt: skip


def test_characters_are_words_where_there_are_no_spaces(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("酸面团起子是面粉和水的混合物。" * 10)
    lengths = [len(row["passage"]) for row in rows(path, least=10, most=40)]
    assert len(lengths) == 5
    assert max(lengths) <= 31


def pdf(path, text):
    """A page with a line of text, written by hand."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    out += f"xref\n0 6\n0000000000 65535 f \n{table}trailer\n<< /Size 6 /Root 1 0 R >>\n"
    path.write_text(f"{out}startxref\n{out.index('xref')}\n%%EOF\n")


def test_pdf(tmp_path):
    pdf(tmp_path / "a.pdf", "The Nile is a long river.")
    assert [row["passage"] for row in rows(tmp_path)] == ["The Nile is a long river."]


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("a.pdf", b"no PDF at all", "cannot be read as .pdf"),
        ("a.txt", b"\xff\xfe\x00z", "cannot be read as .txt"),
        ("a.html", b"<script>x = 1</script>", "there is no text in"),
    ],
)
def test_a_document_that_cannot_be_read(tmp_path, name, content, cause):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=cause):
        rows(tmp_path)


def test_no_documents(tmp_path):
    (tmp_path / "a.docx").write_bytes(b"x")
    for path in (tmp_path, tmp_path / "a.docx", tmp_path / "none"):
        with pytest.raises(UserError, match="there are no documents at"):
            rows(path)


def test_what_they_say_decides_and_not_where_they_lie(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("One two three.")
    first, second = (Documents(path=tmp_path / name).identity() for name in ("one", "two"))
    assert first == second
    (tmp_path / "two/a.txt").write_text("One two four.")
    assert first != Documents(path=tmp_path / "two").identity()
