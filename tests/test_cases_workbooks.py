"""Workbooks: sheets read like tables, and files that would steer the reader refused."""

import zipfile
from pathlib import Path

import pytest
from table_cases import kept, refused, table

TYPES = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:"


def packed(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
    return path


def excel(path: Path, sheets: dict[str, str], **more: str) -> Path:
    """An .xlsx with the rows of each sheet, in XML."""
    listed = "".join(
        f'<sheet name="{name}" sheetId="{at}" r:id="rId{at}"/>' for at, name in enumerate(sheets, 1)
    )
    links = "".join(
        f'<Relationship Id="rId{at}" Type="{LINKS}/worksheet" Target="worksheets/s{at}.xml"/>'
        for at in range(1, len(sheets) + 1)
    )
    members = {
        "xl/workbook.xml": f'<workbook xmlns="{TYPES}" xmlns:r="{LINKS}"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships>{links}</Relationships>",
    }
    for at, rows in enumerate(sheets.values(), 1):
        members[f"xl/worksheets/s{at}.xml"] = (
            f'<worksheet xmlns="{TYPES}"><sheetData>{rows}</sheetData></worksheet>'
        )
    return packed(path, members | {f"xl/{name}.xml": text for name, text in more.items()})


STRINGS = (
    "<sst><si><t>Quant</t></si><si><r><t>Mean </t></r><r><t>KLD</t></r></si><si><t>Same top p</t>"
    "</si><si><t>Q8_0</t><rPh><t>spoken</t></rPh></si><si><t>RMS Δp (%)</t></si></sst>"
)
STYLES = (
    '<styleSheet><numFmts><numFmt numFmtId="170" formatCode="0.000%"/></numFmts><cellStyleXfs>'
    '<xf numFmtId="10"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs>'
    "</styleSheet>"
)
HEADING = (
    '<row r="3"><c r="B3" t="s"><v>0</v></c><c r="C3" t="s"><v>1</v></c><c r="D3" t="s"><v>2</v>'
    '</c><c r="E3" t="s"><v>4</v></c></row>'
)
ROW = (
    '<row r="4"><c r="B4" t="s"><v>3</v></c><c r="C4"><v>1.2999999999999999E-3</v></c>'
    '<c r="D4" s="1"><v>0.98099999999999998</v></c><c r="E4" s="1"><v>4.7000000000000002E-3</v></c>'
    "</row>"
)
FOUND = table("kld_mean", "top1_agreement", "dp_rms", Q8_0=(0.0013, 0.981, 0.0047))


def test_shared_texts_and_per_cent_formats(tmp_path):
    path = excel(
        tmp_path / "a.xlsx",
        {"Notes": '<row r="1"><c r="A1" t="inlineStr"><is><t>hello</t></is></c></row>'}
        | {"KLD": HEADING + ROW},
        sharedStrings=STRINGS,
        styles=STYLES,
    )
    assert kept(tmp_path / "w", path, kind="auto")[0] == FOUND


def test_two_sheets_are_two_texts_or_refused(tmp_path):
    rows = {
        "wikitext": HEADING + ROW,
        "code": HEADING + ROW.replace("1.2999999999999999E-3", "2.5999999999999999E-3"),
    }
    path = excel(tmp_path / "a.xlsx", rows, sharedStrings=STRINGS, styles=STYLES)
    found, _ = kept(tmp_path / "w", path)
    assert {text: row["kld_mean"][0] for (_, text, _), row in found.items()} == {
        "wikitext": 0.0013,
        "code": 0.0026,
    }
    path = excel(
        tmp_path / "b.xlsx", {"A": HEADING + ROW, "B": HEADING + ROW}, sharedStrings=STRINGS
    )
    refused(tmp_path / "v", path, "two rows for Q8_0", "sheet A, row 4", "--corpus-id")


def cells(*texts: str) -> str:
    return "".join(
        f'<table:table-cell office:value-type="float" office:value="{text}"><text:p>shown</text:p>'
        "</table:table-cell>"
        if text[0].isdigit()
        else f'<table:table-cell office:value-type="string"><text:p>{text}</text:p>'
        "</table:table-cell>"
        for text in texts
    )


def document(path: Path, rows: str) -> Path:
    names = "".join(f' xmlns:{name}="{OFFICE}{name}:1.0"' for name in ("office", "table", "text"))
    body = f'<table:table table:name="KLD">{rows}</table:table>'
    return packed(
        path, {"content.xml": f"<office:document-content{names}>{body}</office:document-content>"}
    )


def test_a_sheet_of_an_open_document(tmp_path):
    empty = '<table:table-cell table:number-columns-repeated="16000"/>'
    share = '<table:table-cell office:value-type="percentage" office:value="0.981"/>'
    path = document(
        tmp_path / "a.ods",
        f"<table:table-row>{cells('Quant', 'Mean KLD', 'Same top p')}{empty}</table:table-row>"
        f"<table:table-row>{cells('Q8_0', '0.0013')}{share}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="1048000">{empty}</table:table-row>',
    )
    found = table("kld_mean", "top1_agreement", Q8_0=(0.0013, 0.981))
    assert kept(tmp_path / "w", path, kind="auto")[0] == found


def test_what_no_workbook_needs_is_refused(tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "0.1"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
    path = excel(tmp_path / "a.xlsx", {"KLD": HEADING + ROW})
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("xl/sharedStrings.xml", bomb)
    refused(tmp_path / "w", path, "it declares a document type", "save the sheet as CSV")
    path = document(
        tmp_path / "b.ods",
        '<table:table-row table:number-rows-repeated="900000000"><table:table-cell'
        ' table:number-columns-repeated="900"><text:p>x</text:p></table:table-cell>'
        "</table:table-row>",
    )
    refused(tmp_path / "w", path, "more than 200,000 cells")
    path = excel(tmp_path / "c.xlsx", {"KLD": '<row r="99999999"><c><v>1</v></c></row>'})
    refused(tmp_path / "w", path, "more than 20,000 rows")
    packed(tmp_path / "d.xlsx", {"word/document.xml": "<a/>"})
    refused(tmp_path / "w", tmp_path / "d.xlsx", "a zip file that is no workbook")


@pytest.mark.parametrize("kind", ["table", "auto"])
def test_an_old_workbook_is_named(tmp_path, kind):
    path = tmp_path / "a.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    refused(tmp_path / "w", path, "a workbook of before 2007", "save the sheet as CSV", kind=kind)
