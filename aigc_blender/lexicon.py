# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that mean the same for every style: how much, which colour, how fast, and what says nothing."""

from __future__ import annotations

# How far from its default towards an end a control goes that a word moves.
PLAIN = 0.7
ENDING = "as possible"  # the degree that follows its word
DEGREES = {
    "a bit": 0.3,
    "a little": 0.3,
    "slightly": 0.3,
    "barely": 0.3,
    "somewhat": 0.4,
    "rather": 0.5,
    "fairly": 0.5,
    "moderately": 0.5,
    "quite": 0.6,
    "pretty": 0.6,
    "very": 0.9,
    "really": 0.9,
    "strongly": 0.9,
    "much": 0.9,
    "super": 0.95,
    "extremely": 1.0,
    "extra": 1.0,
    "ultra": 1.0,
    "utterly": 1.0,
    "totally": 1.0,
    "completely": 1.0,
    "fully": 1.0,
    ENDING: 1.0,
}
NEGATIONS = ("no", "not", "without", "never", "hardly any")
MORE = ("more", "increase", "raise", "add")
LESS = ("less", "fewer", "decrease", "reduce")
MOST, LEAST = "most", "least"
STEP = 0.25  # of the slider, by which a comparative moves it

# Levels of a control that is named: "low turbulence", "wind: strong". Towards its end, -1..1; 0 is the slider's middle.
LEVELS = {
    "minimum": -1.0,
    "minimal": -1.0,
    "zero": -1.0,
    "low": -PLAIN,
    "little": -PLAIN,
    "weak": -PLAIN,
    "small": -PLAIN,
    "light": -PLAIN,
    "half": 0.0,
    "medium": 0.0,
    "average": 0.0,
    "middling": 0.0,
    "high": PLAIN,
    "strong": PLAIN,
    "great": PLAIN,
    "big": PLAIN,
    "heavy": PLAIN,
    "much": PLAIN,
    "lots of": PLAIN,
    "a lot of": PLAIN,
    "plenty of": PLAIN,
    "with": PLAIN,
    "full": 1.0,
    "maximum": 1.0,
    "maximal": 1.0,
}

# Pairs of opposites: a word of a pair moves the control whose card has another word of it.
OPPOSITES = (
    (
        ("small", "little", "tiny", "short", "low", "minute", "miniature", "fine", "mini", "stubby"),
        ("large", "big", "tall", "high", "huge", "giant", "massive", "enormous", "towering", "long", "grand"),
    ),
    (
        ("sparse", "thin", "few", "scattered", "wispy", "sparing", "scant", "light"),
        ("dense", "thick", "many", "heavy", "solid", "full", "crowded", "packed"),
    ),
    (
        ("faint", "dim", "weak", "dull", "subdued", "subtle", "pale"),
        ("bright", "strong", "intense", "brilliant", "vivid", "powerful", "dazzling"),
    ),
    (
        ("calm", "gentle", "still", "steady", "quiet", "peaceful", "tranquil", "serene", "placid"),
        ("wild", "turbulent", "raging", "violent", "chaotic", "rough", "stormy", "furious", "restless", "unruly"),
    ),
    (
        ("soft", "smooth", "blurred", "diffuse", "blurry", "fuzzy"),
        ("sharp", "crisp", "jagged", "hard", "spiky", "clear-cut"),
    ),
    (("cool", "cold", "cooled", "chilly"), ("hot", "molten", "scorching", "searing")),
)

# Degrees on the colour wheel. White, and what lies on the way to it, only a control of heat can draw.
HUES = {
    "red": 0,
    "scarlet": 5,
    "orange": 30,
    "amber": 40,
    "gold": 48,
    "golden": 48,
    "yellow": 58,
    "lime": 90,
    "green": 120,
    "emerald": 140,
    "teal": 178,
    "turquoise": 175,
    "cyan": 187,
    "azure": 210,
    "blue": 230,
    "indigo": 250,
    "violet": 275,
    "purple": 285,
    "magenta": 315,
    "pink": 330,
    "rose": 338,
    "crimson": 348,
}
REACH = 40  # degrees beyond a control's ends that still mean the end
# What glows by its heat, from red embers to blue gas.
HEAT = {
    "red": 0.0,
    "crimson": 0.0,
    "scarlet": 0.05,
    "orange": 0.2,
    "amber": 0.27,
    "golden": 0.32,
    "gold": 0.32,
    "yellow": 0.38,
    "white": 0.7,
    "azure": 0.9,
    "blue": 1.0,
}

SPEEDS = {
    "frozen": 0.0,
    "paused": 0.0,
    "stopped": 0.0,
    "slow motion": 0.25,
    "slow-mo": 0.25,
    "sluggish": 0.35,
    "slow": 0.5,
    "slowly": 0.5,
    "leisurely": 0.6,
    "normal speed": 1.0,
    "real time": 1.0,
    "fast": 2.0,
    "quick": 2.0,
    "quickly": 2.0,
    "rapid": 2.0,
    "swift": 2.0,
    "hurried": 2.0,
    "half speed": 0.5,
    "double speed": 2.0,
    "time lapse": 4.0,
    "timelapse": 4.0,
}
SPEED_NAMES = ("speed", "pace")

STYLES = {  # beyond what a card's own words say
    "fire": ("inferno", "wildfire", "wall of fire", "conflagration"),
    "torch": ("torchlight", "torches", "candle flame", "candles", "match"),
    "smoke": ("vapour", "vapor", "steam", "fog", "mist"),
    "embers": ("fire sparks", "glowing particles"),
    "lava": ("volcano",),
    "energy": ("electric", "bolt", "bolts", "electric arc", "sparkling energy"),
    "rain": ("raining", "rainstorm"),
    "snow": ("snowy", "snowstorm"),
    "ocean": ("sea surface", "wave", "water"),
    "clouds": ("cloud", "cloudscape"),
    "aurora": ("polar light", "northern light", "aurorae"),
    "nebula": ("nebulae", "cosmic", "galaxies"),
    "caustics": ("caustic", "pool light", "light on water"),
    "ink": ("inky", "ink cloud"),
}

FILLERS = frozenset(
    """
    a an the this that these those it its of in on at to for from by into over under up down and or but with as is are be
    was looking looks look like make makes making set give me my please want need some any one should would could can kind
    sort type element effect effects background plate scene shot video animation footage sequence loop looping texture
    nice beautiful realistic good great then than also just so too there coming going made which while where
    i we you let lets image picture frame frames colour color coloured colored tinted
    """.split()
)
