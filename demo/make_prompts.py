"""Writes benchmarks/*.jsonl: short questions, each with three worked examples before it.

python demo/make_prompts.py
"""

import json
import operator
import random
from pathlib import Path


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


CAPITALS = """France Paris|Japan Tokyo|Egypt Cairo|Italy Rome|Spain Madrid|Germany Berlin|
Russia Moscow|China Beijing|Greece Athens|Portugal Lisbon|Austria Vienna|Poland Warsaw|
Hungary Budapest|Norway Oslo|Sweden Stockholm|Finland Helsinki|Denmark Copenhagen|Ireland Dublin|
Belgium Brussels|Cuba Havana|Peru Lima|Chile Santiago|Kenya Nairobi|Iran Tehran|Iraq Baghdad|
Turkey Ankara|Thailand Bangkok|Vietnam Hanoi|Canada Ottawa|Australia Canberra|India New Delhi|
Indonesia Jakarta|Nepal Kathmandu|Syria Damascus|Lebanon Beirut|Jordan Amman|Cambodia Phnom Penh|
Ukraine Kyiv;Kiev|Romania Bucharest|Bulgaria Sofia|Serbia Belgrade|Croatia Zagreb|Czechia Prague|
Iceland Reykjavik|Colombia Bogota;Bogotá|Venezuela Caracas|Ecuador Quito|Ghana Accra|
Morocco Rabat"""
CONTINENTS = """Japan Asia|Kenya Africa|Norway Europe|Chile South America|Thailand Asia|
Nigeria Africa|Poland Europe|Canada North America|Peru South America|India Asia|Egypt Africa|
Mexico North America|Greece Europe|Vietnam Asia|Morocco Africa|Brazil South America|Austria Europe|
Iran Asia|Ethiopia Africa|Hungary Europe|Argentina South America|China Asia|Ghana Africa|
Ireland Europe|Nepal Asia|Tanzania Africa|Cuba North America|Ecuador South America|Sweden Europe|
Mongolia Asia|Algeria Africa|Portugal Europe|Bolivia South America|Iraq Asia|Zambia Africa|
Romania Europe|Uganda Africa|Colombia South America|Malaysia Asia|Finland Europe|Senegal Africa|
Jamaica North America|Pakistan Asia|Uruguay South America|Croatia Europe"""
ELEMENTS = """hydrogen H|oxygen O|iron Fe|gold Au|silver Ag|carbon C|nitrogen N|helium He|sodium Na|
potassium K|calcium Ca|copper Cu|zinc Zn|lead Pb|tin Sn|mercury Hg|neon Ne|argon Ar|chlorine Cl|
fluorine F|iodine I|sulfur S|phosphorus P|silicon Si|aluminum Al|magnesium Mg|lithium Li|nickel Ni|
cobalt Co|uranium U|platinum Pt|titanium Ti|chromium Cr|manganese Mn|boron B|tungsten W|radium Ra|
barium Ba|bromine Br|krypton Kr|xenon Xe|arsenic As|bismuth Bi|vanadium V|gallium Ga"""
FACTS = """How many legs does a dog have?=4;four|What color is the sky on a clear day?=blue|
What do bees make?=honey|How many days are in a week?=7;seven|
How many months are in a year?=12;twelve|How many legs does a spider have?=8;eight|
What color is grass?=green|What do cows drink?=water|How many hours are in a day?=24;twenty-four|
How many minutes are in an hour?=60;sixty|What is frozen water called?=ice|
What planet do we live on?=Earth;the Earth|What is the largest planet?=Jupiter|
What is the largest ocean?=Pacific;the Pacific;Pacific Ocean;the Pacific Ocean|
What gas do we breathe in?=oxygen|How many wheels does a bicycle have?=2;two|
What is the fastest land animal?=cheetah;the cheetah|
What is the tallest animal?=giraffe;the giraffe|What color is a banana?=yellow|
What color is snow?=white|What is the opposite direction of north?=south|
How many sides does a triangle have?=3;three|How many sides does a square have?=4;four|
What is a baby dog called?=puppy;a puppy|What is a baby cat called?=kitten;a kitten|
What is a baby cow called?=calf;a calf|What is the closest star to Earth?=the Sun;Sun|
Who wrote Romeo and Juliet?=William Shakespeare;Shakespeare|
Who painted the Mona Lisa?=Leonardo da Vinci;da Vinci|What language is spoken in Brazil?=Portuguese|
What language is spoken in Mexico?=Spanish|What language is spoken in Austria?=German|
What is the currency of Japan?=yen;Japanese yen;the yen;the Japanese yen|
What organ pumps blood?=heart;the heart|What do plants need to make food?=sunlight;sun;light|
How many fingers are on one hand?=5;five|What season comes after winter?=spring|
What animal says moo?=cow;a cow;the cow|What animal says meow?=cat;a cat;the cat|
How many cents are in a dollar?=100;one hundred|What is the first letter of the alphabet?=A|
What is the last letter of the alphabet?=Z|What color do you get by mixing red and white?=pink|
What metal is liquid at room temperature?=mercury|How many players are on a soccer team?=11;eleven|
What instrument has 88 keys?=piano;the piano;a piano|
What do caterpillars become?=butterflies;butterfly;a butterfly|
What is the largest mammal?=blue whale;the blue whale;whale"""
OPPOSITES = """hot cold|big small;little|up down|fast slow|happy sad;unhappy|day night|
open closed;close;shut|hard soft;easy|light dark;heavy|early late|rich poor|full empty|wet dry|
high low|long short|old young;new|strong weak|clean dirty|loud quiet;soft|thick thin|deep shallow|
win lose|buy sell|push pull|left right|inside outside|love hate|begin end;finish|true false|
alive dead|sweet sour;bitter|tall short|near far|wide narrow|first last|north south|east west|
accept reject;refuse|brave cowardly;coward;afraid;timid|increase decrease|ancient modern|
expand contract;shrink|friend enemy;foe|war peace"""
PLURALS = """cat cats|box boxes|child children|man men|woman women|foot feet|tooth teeth|mouse mice|
leaf leaves|knife knives|city cities|baby babies|bus buses|dish dishes|goose geese|person people|
sheep sheep|wolf wolves|potato potatoes|story stories|key keys|church churches|half halves|
wife wives|hero heroes|life lives|lady ladies|fox foxes|glass glasses|watch watches|fly flies|
ox oxen|deer deer|fish fish;fishes|shelf shelves|thief thieves|berry berries|toy toys|
tomato tomatoes|kiss kisses|penny pennies;pence|loaf loaves"""
PAST = """walk walked|go went|see saw|eat ate|run ran|make made|take took|come came|give gave|
find found|think thought|know knew|write wrote|speak spoke|break broke|drive drove|sing sang|
swim swam|buy bought|bring brought|catch caught|teach taught|sleep slept|keep kept|leave left|
feel felt|lose lost|send sent|build built|begin began|drink drank|fly flew|grow grew|throw threw|
draw drew|wear wore|choose chose|forget forgot|hide hid|win won|hold held|sit sat"""
GROUPS = """apple fruit|dog animal;mammal|red color;colour|hammer tool|
piano instrument;musical instrument|rose flower;plant|shirt clothing;clothes;garment|
chair furniture|car vehicle|carrot vegetable|eagle bird|salmon fish|bee insect|iron metal;element|
soccer sport;game|France country|Tuesday day;weekday|July month|triangle shape|milk drink;beverage|
oak tree|violin instrument;musical instrument|banana fruit|blue color;colour|screwdriver tool|
bus vehicle|table furniture|cat animal;mammal|gold metal;element|tennis sport;game|
tulip flower;plant|shark fish|ant insect|sparrow bird|Brazil country|Sunday day;weekday|April month|
square shape|coffee drink;beverage|broccoli vegetable|jacket clothing;clothes;garment|
snake reptile;animal"""
SPANISH = """water agua|house casa|dog perro|cat gato|red rojo|book libro|sun sol|moon luna|
day día;dia|night noche|friend amigo;amiga|bread pan|milk leche|hand mano|head cabeza|eye ojo|
table mesa|door puerta|city ciudad|street calle|school escuela|teacher maestro;profesor;maestra|
king rey|queen reina|green verde|blue azul|black negro|white blanco|big grande|
small pequeño;pequeno;chico|good bueno;bien|bad malo;mal|new nuevo|old viejo|man hombre|woman mujer|
boy niño;chico;nino|girl niña;chica;nina|father padre|mother madre|brother hermano|sister hermana|
son hijo|fire fuego|earth tierra|tree árbol;arbol|flower flor|fish pescado;pez|
bird pájaro;ave;pajaro|horse caballo|cow vaca|one uno|two dos|three tres|four cuatro|five cinco|
ten diez|year año|month mes|week semana|heart corazón;corazon|world mundo|love amor|time tiempo|
life vida"""
FRENCH = """water eau;l'eau|house maison|dog chien|cat chat|red rouge|book livre|sun soleil|
moon lune|day jour|night nuit|friend ami;amie|bread pain|milk lait|hand main|head tête;tete|
eye oeil;œil|table table|door porte|city ville|street rue|school école;ecole|
teacher professeur;enseignant|king roi|queen reine|green vert|blue bleu|black noir|white blanc|
big grand;gros|small petit|good bon;bien|bad mauvais;mal|new nouveau;neuf|old vieux|man homme|
woman femme|boy garçon;garcon|girl fille|father père;pere|mother mère;mere|brother frère;frere|
sister soeur;sœur|son fils|fire feu|earth terre|tree arbre|flower fleur|fish poisson|bird oiseau|
horse cheval|cow vache|one un;une|two deux|three trois|four quatre|five cinq|ten dix|
year année;an;annee|month mois|week semaine|heart coeur;cœur|world monde|love amour|time temps|
life vie"""
GERMAN = """water Wasser|house Haus|dog Hund|cat Katze|red rot|book Buch|sun Sonne|moon Mond|
day Tag|night Nacht|friend Freund;Freundin|bread Brot|milk Milch|hand Hand|head Kopf|eye Auge|
table Tisch|door Tür;Tur|city Stadt|street Straße;Strasse|school Schule|teacher Lehrer|
king König;Konig|queen Königin|green grün;grun|blue blau|black schwarz|white weiß;weiss|
big groß;gross|small klein|good gut|bad schlecht|new neu|old alt|man Mann|woman Frau|boy Junge|
girl Mädchen|father Vater|mother Mutter|brother Bruder|sister Schwester|son Sohn|fire Feuer|
earth Erde|tree Baum|flower Blume"""
PEOPLE = words("Tom Anna Peter Mary John Lucy Sam Emma Jack Rose Paul Kate")
THINGS = words("key pen book cup hat ball coin lamp shoe watch spoon ring")
PLACES = words("drawer box bag car kitchen garden office desk shelf basket pocket closet")
COLORS = words("red blue green black white yellow brown purple orange pink")
MONTHS = words(
    "January February March April May June July August September October November December"
)
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
WORDS = words(
    "apple dog river stone bread music paper window garden yellow winter bottle friend market "
    "silver planet summer doctor castle basket monkey flower"
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def pairs(question: str, text: str, between: str = " ") -> list[tuple[str, list[str]]]:
    """A table above as questions with their accepted answers."""
    entries = (entry.strip().split(between, 1) for entry in text.replace("\n", "").split("|"))
    return [(question.format(word), answers.split(";")) for word, answers in entries]


def sums() -> list[tuple[str, list[str]]]:
    """Additions and subtractions of small numbers, spread over the tables."""
    cases = [(a, b) for a in range(2, 20, 2) for b in range(3, 25, 3)]
    return [
        (
            f"What is {a} + {b}?" if i % 2 else f"What is {a + b} - {b}?",
            [str(a + b if i % 2 else a)],
        )
        for i, (a, b) in enumerate(cases)
    ]


def products() -> list[tuple[str, list[str]]]:
    """Products and exact quotients of one-digit numbers."""
    cases = [(a, b) for a in range(2, 10) for b in range(2, 11)]
    return [
        (
            f"What is {a} times {b}?" if i % 2 else f"What is {a * b} divided by {b}?",
            [str(a * b if i % 2 else a)],
        )
        for i, (a, b) in enumerate(cases)
    ]


def larger() -> list[tuple[str, list[str]]]:
    """Which of two numbers is larger."""
    cases = [(a, (a * 7 + 13) % 97 + 1) for a in range(11, 95, 2)]
    return [(f"Which number is larger, {a} or {b}?", [str(max(a, b))]) for a, b in cases if a != b]


def progressions() -> list[tuple[str, list[str]]]:
    """Five numbers at equal steps; the next one is asked for."""
    cases = [(start, step) for step in (1, 2, 3, 4, 5, 10, -1, -2) for start in range(12, 60, 6)]
    return [
        (
            f"What comes next: {', '.join(str(start + step * i) for i in range(5))}?",
            [str(start + step * 5)],
        )
        for start, step in cases
    ]


def calendar() -> list[tuple[str, list[str]]]:
    """The day or month before and after each."""
    ask = [
        (f"What {name} comes {word} {given}?", [answer])
        for cycle, name in ((DAYS, "day"), (MONTHS, "month"))
        for word, move in (("after", 1), ("before", -1))
        for given, answer in zip(cycle, cycle[move:] + cycle[:move])
    ]
    return random.Random(1).sample(ask, len(ask))


def letters() -> list[tuple[str, list[str]]]:
    """Four letters of the alphabet in order, or every second one; the next is asked for."""
    cases = [(start, step) for step in (1, 2) for start in range(26 - 4 * step)]
    return [
        (
            f"What letter comes next: {', '.join(LETTERS[start + step * i] for i in range(4))}?",
            [LETTERS[start + 4 * step]],
        )
        for start, step in cases
    ]


def python() -> list[tuple[str, list[str]]]:
    """Python expressions and what they are worth."""
    numbers = [
        [3, 8, 5],
        [4, 1, 9],
        [7, 2, 6],
        [10, 4, 8],
        [5, 12, 3],
        [9, 9, 2],
        [1, 6, 11],
        [20, 3, 7],
    ]
    signs = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "//": operator.floordiv,
        "%": operator.mod,
        ">": operator.gt,
        "==": operator.eq,
    }
    cases: list[tuple[str, object]] = []
    cases += [(f'len("{word}")', len(word)) for word in WORDS]
    cases += [(f'"{word}".upper()', word.upper()) for word in WORDS]
    cases += [(f'"{word}"[0]', word[0]) for word in WORDS]
    cases += [
        (f"{call.__name__}({row})", call(row))
        for row in numbers
        for call in (max, min, len, sum, sorted)
    ]
    cases += [(f"{row}[{i}]", row[i]) for row in numbers for i in (0, 1, -1)]
    cases += [
        (f"{a} {sign} {b}", call(a, b))
        for a, b in ((7, 3), (12, 5), (9, 4), (20, 6), (15, 4), (8, 8), (3, 11))
        for sign, call in signs.items()
    ]
    return [
        (f"What does Python print for print({text})?", [str(value)])
        for text, value in random.Random(2).sample(cases, len(cases))
    ]


def where() -> list[tuple[str, list[str]]]:
    """Three things lie in three places; one place is asked for."""
    draw, asked = random.Random(3), []
    for _ in range(75):
        things, places, which = draw.sample(THINGS, 3), draw.sample(PLACES, 3), draw.randrange(3)
        facts = " ".join(f"The {thing} is in the {place}." for thing, place in zip(things, places))
        asked.append(
            (
                f"{facts} Where is the {things[which]}?",
                [
                    places[which],
                    f"the {places[which]}",
                    f"in the {places[which]}",
                    f"the {things[which]} is in the {places[which]}",
                ],
            )
        )
    return asked


def whose() -> list[tuple[str, list[str]]]:
    """Three people have a thing of some color; the owner or the color is asked for."""
    draw, asked = random.Random(4), []
    for i in range(90):
        people, things, colors, which = (
            draw.sample(PEOPLE, 3),
            draw.sample(THINGS, 3),
            draw.sample(COLORS, 3),
            draw.randrange(3),
        )
        facts = " ".join(
            f"{who} has a {color} {thing}." for who, color, thing in zip(people, colors, things)
        )
        asked.append(
            (f"{facts} Who has the {things[which]}?", [people[which]])
            if i % 2
            else (f"{facts} What color is the {things[which]}?", [colors[which]])
        )
    return asked


BENCHMARKS = {
    "knowledge": {
        "capital": pairs("What is the capital of {}?", CAPITALS),
        "continent": pairs("Which continent is {} in?", CONTINENTS),
        "element": pairs("What is the chemical symbol of {}?", ELEMENTS),
        "fact": pairs("{}", FACTS, "="),
    },
    "words": {
        "opposite": pairs("What is the opposite of {}?", OPPOSITES),
        "plural": pairs("What is the plural of {}?", PLURALS),
        "past tense": pairs("What is the past tense of {}?", PAST),
        "category": pairs("What kind of thing is this: {}?", GROUPS),
    },
    "arithmetic": {"sum": sums(), "product": products(), "comparison": larger()},
    "sequences": {"progression": progressions(), "calendar": calendar(), "letters": letters()},
    "code": {"python": python()},
    "reading": {"where": where(), "whose": whose()},
    "translation": {
        "spanish": pairs("What is the Spanish word for {}?", SPANISH),
        "french": pairs("What is the French word for {}?", FRENCH),
        "german": pairs("What is the German word for {}?", GERMAN),
    },
}


def main() -> None:
    """Write a file per benchmark; the first three entries of a category are its examples."""
    folder = Path(__file__).with_name("benchmarks")
    folder.mkdir(exist_ok=True)
    for benchmark, categories in BENCHMARKS.items():
        lines = []
        for category, entries in categories.items():
            shots = "".join(
                f"Q: {question}\nA: {answers[0]}\n" for question, answers in entries[:3]
            )
            lines += [
                {"category": category, "prompt": f"{shots}Q: {question}\nA:", "answers": answers}
                for question, answers in entries[3:]
            ]
        (folder / f"{benchmark}.jsonl").write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines),
            encoding="utf-8",
        )
        print(f"{benchmark}: {len(lines)} prompts")


if __name__ == "__main__":
    main()
