"""Writes prompts.jsonl: short questions of six kinds, each with three worked examples before it. Run: python demo/make_prompts.py"""

import json
from pathlib import Path

CAPITALS = """France Paris|Japan Tokyo|Egypt Cairo|Italy Rome|Spain Madrid|Germany Berlin|Russia Moscow|China Beijing|Greece Athens|Portugal Lisbon|
Austria Vienna|Poland Warsaw|Hungary Budapest|Norway Oslo|Sweden Stockholm|Finland Helsinki|Denmark Copenhagen|Ireland Dublin|Belgium Brussels|Cuba Havana|
Peru Lima|Chile Santiago|Kenya Nairobi|Iran Tehran|Iraq Baghdad|Turkey Ankara|Thailand Bangkok|Vietnam Hanoi|Canada Ottawa|Australia Canberra|India New Delhi|
Indonesia Jakarta|Nepal Kathmandu|Syria Damascus|Lebanon Beirut|Jordan Amman|Cambodia Phnom Penh|Ukraine Kyiv;Kiev|Romania Bucharest|Bulgaria Sofia|Serbia Belgrade|
Croatia Zagreb|Czechia Prague|Iceland Reykjavik|Colombia Bogota;Bogotá|Venezuela Caracas|Ecuador Quito|Ghana Accra|Morocco Rabat"""
OPPOSITES = """hot cold|big small;little|up down|fast slow|happy sad;unhappy|day night|open closed;close;shut|hard soft;easy|light dark;heavy|early late|rich poor|
full empty|wet dry|high low|long short|old young;new|strong weak|clean dirty|loud quiet;soft|thick thin|deep shallow|win lose|buy sell|push pull|
left right|inside outside|love hate|begin end;finish|true false|alive dead|sweet sour;bitter|tall short|near far|wide narrow|first last|north south|east west|
accept reject;refuse|brave cowardly;coward;afraid;timid|increase decrease|ancient modern|expand contract;shrink|friend enemy;foe|war peace"""
PLURALS = """cat cats|box boxes|child children|man men|woman women|foot feet|tooth teeth|mouse mice|leaf leaves|knife knives|city cities|baby babies|bus buses|dish dishes|
goose geese|person people|sheep sheep|wolf wolves|potato potatoes|story stories|key keys|church churches|half halves|wife wives|hero heroes|life lives|lady ladies|
fox foxes|glass glasses|watch watches|fly flies|ox oxen|deer deer|fish fish;fishes|shelf shelves|thief thieves|berry berries|toy toys|tomato tomatoes|kiss kisses|penny pennies;pence|loaf loaves"""
PAST = """walk walked|go went|see saw|eat ate|run ran|make made|take took|come came|give gave|find found|think thought|know knew|write wrote|speak spoke|break broke|
drive drove|sing sang|swim swam|buy bought|bring brought|catch caught|teach taught|sleep slept|keep kept|leave left|feel felt|lose lost|send sent|build built|
begin began|drink drank|fly flew|grow grew|throw threw|draw drew|wear wore|choose chose|forget forgot|hide hid|win won|hold held|sit sat"""
GROUPS = """apple fruit|dog animal;mammal|red color;colour|hammer tool|piano instrument;musical instrument|rose flower;plant|shirt clothing;clothes;garment|chair furniture|car vehicle|
carrot vegetable|eagle bird|salmon fish|bee insect|iron metal;element|soccer sport;game|France country|Tuesday day;weekday|July month|triangle shape|milk drink;beverage|
oak tree|violin instrument;musical instrument|banana fruit|blue color;colour|screwdriver tool|bus vehicle|table furniture|cat animal;mammal|gold metal;element|tennis sport;game|
tulip flower;plant|shark fish|ant insect|sparrow bird|Brazil country|Sunday day;weekday|April month|square shape|coffee drink;beverage|broccoli vegetable|jacket clothing;clothes;garment|snake reptile;animal"""


def pairs(text: str) -> list[tuple[str, list[str]]]:
    """Entries of a table above: the word, and its accepted answers."""
    entries = (entry.strip().split(" ", 1) for entry in text.replace("\n", "").split("|"))
    return [(word, answers.split(";")) for word, answers in entries]


def sums() -> list[tuple[str, list[str]]]:
    """Additions and subtractions of small numbers, spread over the tables."""
    cases = [(a, b) for a in range(2, 20, 3) for b in range(3, 25, 3)]
    return [(f"{a} + {b}" if i % 2 else f"{a + b} - {b}", [str(a + b if i % 2 else a)]) for i, (a, b) in enumerate(cases)]


KINDS = {
    "capital": ("What is the capital of {}?", pairs(CAPITALS)),
    "opposite": ("What is the opposite of {}?", pairs(OPPOSITES)),
    "plural": ("What is the plural of {}?", pairs(PLURALS)),
    "past tense": ("What is the past tense of {}?", pairs(PAST)),
    "category": ("What kind of thing is this: {}?", pairs(GROUPS)),
    "arithmetic": ("What is {}?", sums()),
}


def main() -> None:
    """Write the file beside this script; the first three entries of a kind are its worked examples."""
    lines = []
    for kind, (question, entries) in KINDS.items():
        shots = "".join(f"Q: {question.format(word)}\nA: {answers[0]}\n" for word, answers in entries[:3])
        lines += [{"category": kind, "prompt": f"{shots}Q: {question.format(word)}\nA:", "answers": answers} for word, answers in entries[3:]]
    Path(__file__).with_name("prompts.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    print(len(lines), "prompts")


if __name__ == "__main__":
    main()
