"""Chat templates: rendered as llama.cpp's Python has them, and kept from harm."""

import json
from datetime import datetime

import pytest
from conftest import qwh
from gguf_files import micro

from qwh.errors import ExitCode, QwhError
from qwh.ingest.engines import registry
from qwh.ingest.prompts import chat_template
from qwh.ingest.prompts.asked import tokenized
from qwh.ingest.prompts.benchmarks import Benchmark
from qwh.ingest.prompts.chat_template import digest, render
from qwh.ingest.prompts.prompt_lines import Prompt
from qwh.raw.store import Store

CHATML = """{% for message in messages %}{% if loop.first and message['role'] != 'system' %}
{{ '<|im_start|>system\\nYou help.<|im_end|>\\n' }}{% endif %}
{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
TEMPLATES = {
    "chatml": CHATML,
    "named tokens": "{{ bos_token }}{{ messages[0]['content'] | trim }}{{ eos_token }}",
    "undefined tools": "{% if tools is defined %}wrong{% endif %}{{ messages|length }}",
    "generation": "{% generation %}{{ messages[0].content }}{% endgeneration %}",
    "loop controls": "{% for m in messages %}{{ m.role }}{% break %}{% endfor %}",
    "JSON": "{{ messages | tojson }}{{ messages | tojson(indent=2) }}",
    "namespaces": "{% set n = namespace(a=0) %}{% set n.a = messages|length %}{{ n.a }}",
    "macros": "{% macro say(m) %}[{{ m.role }}]{% endmacro %}{% for m in messages %}{{ say(m) }}"
    "{%- endfor %}",
}
TURNS = [{"role": "system", "content": " é <b> "}, {"role": "user", "content": "What is\n2+2?"}]
WORDS = {"bos_token": "<s>", "eos_token": "</s>"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_are_rendered_as_llama_cpps_python_renders_them(name):
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    formatter = Jinja2ChatFormatter(TEMPLATES[name].replace("tools is", "tolls is"), "</s>", "<s>")
    conversations = [TURNS, TURNS[1:]]
    truth = [formatter(messages=turns).prompt for turns in conversations]
    assert render(TEMPLATES[name], "m", conversations, WORDS) == truth


def test_the_date_is_the_same_on_every_day():
    (found,) = render("{{ strftime_now('%d %B %Y') }}", "m", [TURNS], WORDS)
    assert datetime.strptime(found, "%d %B %Y").year == 2024


ENDLESS = "takes longer than 2 s"
HARMFUL = {
    "{% for i in range(9**5) %}{% for j in range(9**5) %}{% endfor %}{% endfor %}": ENDLESS,
    "{{ 'a' * 10**10 }}": "too much memory",
    "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}": (
        "too much memory"
    ),
    "{% for i in range(99999) %}{{ 'a' * 1000 }}{% endfor %}": "too much text",
    "{{ ''.__class__.__mro__ }}": "SecurityError: access to attribute '__class__'",
    "{{ cycler.__init__.__globals__ }}": "SecurityError: access to attribute '__init__'",
    "{{ messages.append(1) }}": "SecurityError: access to attribute 'append'",
    "{{ messages[0].update(a=1) }}": "SecurityError: access to attribute 'update'",
    "{% include '/etc/passwd' %}": "no loader",
    "{% import '/etc/passwd' as x %}": "no loader",
    "{% extends '/etc/passwd' %}": "no loader",
    "{{ range(10**9) | list }}": "Range too big",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}": "calls itself without end",
    "{{ " + "[" * 9999: "calls itself without end",
    "{{ '%999999999999s' | format('a') }}": "",
    "{{ lipsum() }}": "'lipsum' is undefined",
    "{{ [1, 2] | random }}": "No filter named 'random'",
    "{{ raise_exception('no\nsystem turn') }}": "TemplateError: no system turn",
    "{{ nobody.here }}": "'nobody' is undefined",
    "{{ 1 / 0 }}": "division by zero",
    "{{ 'a' + 1 }}": "TypeError",
    "{{": "unexpected 'end of template'",
    "{% break %}": "",
}


@pytest.mark.parametrize("template", HARMFUL)
def test_what_a_template_may_not_do_is_refused_in_one_line(template, monkeypatch):
    if HARMFUL[template] == ENDLESS:
        monkeypatch.setattr(chat_template, "SECONDS", 2)
    monkeypatch.setattr(chat_template, "MEMORY", 192 << 20)
    monkeypatch.setattr(chat_template, "LONGEST", 1 << 20)
    with pytest.raises(QwhError) as raised:
        render(template, "m.gguf", [TURNS], WORDS)
    said = str(raised.value)
    assert said.startswith("cannot render prompts by the chat template of m.gguf: ")
    assert HARMFUL[template] in said and said.endswith("--chat-template FILE, or none")
    assert "\n" not in said and len(said) < 400 and raised.value.code == ExitCode.BAD_INPUT


def test_nothing_of_a_process_leaks_into_a_template():
    """What looks inside finds nothing: attributes of builtins are undefined, not objects."""
    for inside in ("self.__init__", "namespace.__init__", "messages|attr('__class__')"):
        assert render("{{ " + inside + " }}", "m", [TURNS], WORDS) == [""]


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    """Two tiny models with a template, and one with another."""
    folder = tmp_path_factory.mktemp("chat")
    model = micro().set(tokenizer__chat_template="{{ messages[0].content }}>")
    other = model.shaken(2).set(tokenizer__chat_template="{{ messages }}")
    return {
        "ref": model.write(folder / "ref.gguf"),
        "q": model.shaken(1).write(folder / "q.gguf"),
        "other": other.write(folder / "other.gguf"),
        "bare": micro().write(folder / "bare.gguf"),
    }


def ask(folder, chat, lines, *more, reference: str = "ref", quant: str = "q"):
    path = folder / "b.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    models = ("--reference", chat[reference], "--quant", chat[quant], "--threads", 1)
    return qwh(
        "ingest", "prompts", path, *models, "--cohort", "c", "--warehouse", folder / "w", *more
    )


MESSAGES = [{"messages": [{"role": "user", "content": "2+2"}], "answers": ["4"]}]
PLAIN = [{"prompt": "2+2", "answers": ["4"]}]
AUTO = ("--chat-template", "auto")


def facts(folder) -> set[tuple]:
    """What the answers' runs say of the template and of what was read."""
    runs = (run for run in Store(folder / "w").runs() if run.task == "benchmark")
    return {(json.loads(run.harness)["template"], run.token_stream_sha256) for run in runs}


def test_a_models_own_template_is_used_and_is_a_fact(tmp_path, chat):
    """A prompt is one message of a user; a template in a file is the same template."""
    mine = "{{ messages[0].content }}>"
    (tmp_path / "mine.jinja").write_text(mine)
    found = []
    for lines, template in ((PLAIN, "auto"), (MESSAGES, "auto"), (PLAIN, tmp_path / "mine.jinja")):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        done = ask(folder, chat, lines, "--chat-template", template)
        assert done.exit_code == 0, done.stderr
        found.append(facts(folder))
    assert found[0] == found[1] == found[2] and len(found[0]) == 1
    assert {template for template, _ in found[0]} == {digest(mine)}
    harnesses = {run.task: run.harness for run in Store(tmp_path / "0" / "w").runs()}
    read = json.loads(harnesses["answers"])
    assert read["template"] == digest(mine) and read["ends"] == "end of generation"


def test_a_quant_with_another_template_is_asked_by_the_references(tmp_path, chat):
    done = ask(tmp_path, chat, PLAIN, *AUTO, quant="other")
    assert done.exit_code == 0
    assert "another chat template than the reference's lies in other.gguf" in done.stderr
    assert len(facts(tmp_path)) == 1


def test_markup_in_a_prompt_is_counted(tmp_path, chat):
    model = micro()
    tokens = model.fields["tokenizer.ggml.tokens"][0]
    kinds = [3 if at == 256 else 1 for at in range(len(tokens))]
    template = "{{ messages[0].content }}"
    model.set(tokenizer__chat_template=template, tokenizer__ggml__token_type=kinds)
    marked = {
        "ref": model.write(tmp_path / "r.gguf"),
        "q": model.shaken(1).write(tmp_path / "q.gguf"),
    }
    done = ask(tmp_path, marked, [*PLAIN, {"prompt": f"a{tokens[256]}", "answers": ["b"]}], *AUTO)
    assert "1 of 2 prompts contain markup of this model" in done.stderr, done.stderr


def test_a_template_that_makes_one_text_of_two_prompts_is_refused(tmp_path, chat):
    lines = [{"prompt": text, "answers": ["4"]} for text in ("1+3", "2+2", "2+2 ")]
    said = "the chat template of mine.jinja makes the same text of prompts"
    for template, pair in (("static", "1 and 2"), ("{{ messages[0].content | trim }}", "2 and 3")):
        (tmp_path / "mine.jinja").write_text(template)
        done = ask(tmp_path, chat, lines, "--chat-template", tmp_path / "mine.jinja")
        assert done.exit_code == ExitCode.BAD_INPUT and done.stderr.count("\n") == 1
        assert f"{said} {pair}, which differ" in done.stderr


@pytest.mark.parametrize(
    ("lines", "more", "models", "said"),
    [
        (MESSAGES, (), {}, "the prompts of b are messages"),
        (PLAIN, AUTO, {"reference": "bare"}, "bare.gguf has no chat template"),
        (PLAIN, ("--chat-template", "nowhere.jinja"), {}, "there is no such file"),
        (PLAIN, ("--attempts", 2), {}, "2 greedy attempts would be one answer"),
        (PLAIN, ("--seed", 2), {}, "a seed moves no greedy answer"),
        (PLAIN, ("--stop", ""), {}, "an empty stop word"),
        (PLAIN, ("--extract", "("), {}, "cannot look for the pattern '('"),
        (PLAIN, ("--extract", "a", "--answers-only"), {}, "accepted answers are not read"),
        ([{"messages": [], "answers": ["4"]}], AUTO, {}, 'line 1 is not {"messages"'),
        ([{"messages": MESSAGES[0]["messages"]}], AUTO, {}, 'line 1 is not {"messages"'),
        ([MESSAGES[0] | {"prompt": "a"}], AUTO, {}, 'line 1 is not {"messages"'),
        ([{"messages": [{"role": "user"}], "answers": ["4"]}], AUTO, {}, 'line 1 is not {"mess'),
        ([{"messages": [{"role": "user", "content": 1}], "answers": ["4"]}], AUTO, {}, "line 1 is"),
        ([{"messages": "abc", "answers": ["4"]}], AUTO, {}, 'line 1 is not {"messages"'),
        (
            [{"messages": [{"role": "assistant", "content": "a"}], "answers": ["4"]}],
            AUTO,
            {},
            'line 1 is not {"messages"',
        ),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(tmp_path, chat, lines, more, models, said):
    done = ask(tmp_path, chat, lines, *more, **models)
    assert done.exit_code in (ExitCode.USAGE, ExitCode.BAD_INPUT, ExitCode.NOT_FOUND)
    assert said in done.stderr.splitlines()[-1], done.stderr


def test_special_tokens_are_read_where_their_texts_stand_and_none_is_added(chat):
    engine = registry.engine("gguf")
    vocabulary = engine.vocabulary(engine.file(chat["ref"]))
    end = micro().fields["tokenizer.ggml.tokens"][0][256]
    assert vocabulary.tokenize_markup(f"a{end}b").tolist() == [97, 256, 98]
    assert 256 not in vocabulary.tokenize(f"a{end}b").tolist()
    vocabulary.close()


def test_a_tokenizer_without_markup_is_refused():
    class Plain:
        bos, eos, add_bos = -1, -1, False

    asked = Benchmark("b", "", [Prompt("all", "a", ("b",), rendered="<a>")], 8, template="x")
    with pytest.raises(QwhError, match="knows no markup, of which chat templates are made"):
        tokenized(asked, Plain())
