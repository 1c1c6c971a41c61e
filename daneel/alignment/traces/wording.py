"""One way of saying for the many: a sentence in other words, before the rules read it.

Each entry is a pattern and what is written in its place; they are tried in order, all of them. What
they change is wording, never meaning, save that a hedge (`I think`, `clearly`) is dropped.
"""

from __future__ import annotations

import re

from daneel.alignment.traces.words import COLOURS, GROUPS, IRREGULAR, OPPOSITES, VERBS

_PAUSES = re.compile(
    r"^(?:wait|hmm+|okay|ok|well|right|now|alright|all right|great|good|yes|yeah|no|oh|ah|actually|"
    r"still|again|plus|anyway|first of all|basically|overall|similarly|likewise|besides|in short|"
    r"in summary|to sum up|after all|in that case|for now|at last|instead|interestingly|"
    r"surprisingly|in total|here|at first glance|on the other hand|on inspection|conclusion|"
    r"result|thinking about it|looking at it|by contrast|in contrast|as (?:expected|before|"
    r"stated|noted|given|mentioned|shown)(?: above| before| earlier)?|"
    r"by (?:transitivity|definition|construction|assumption|contraposition|modus ponens|modus "
    r"tollens|symmetry|elimination|the (?:rule|premise|definition|first|second|above)[\w ]*)|"
    r"from (?:this|that|these|the)[\w ]*|for (?:sure|certain)|no wait|hold on|let me (?:see|think|"
    r"check)|on reflection|in reality|in effect|at this stage)\s*(?:[,:]|\.\.\.?|-+)\s*|"
    r"^(?:hmm+|wait|okay|ok)\s+"
)
"""Words before a comma that say nothing."""
_FILLERS = re.compile(
    r"^(?:and|but|so|then|also|hence|thus|therefore|consequently|accordingly|because|since|again|"
    r"actually|apparently|clearly|obviously|it is also (?:true|known) that|"
    r"i (?:think|believe|see|know|note|recall|remember|find|conclude|notice|noticed|saw|found)"
    r"(?: also)?(?: that)?|we (?:think|believe|were told|get|obtain|measured|noted|can say)"
    r"(?: also)?(?: that)?|let(?: us| me)?(?: say| assume| suppose| call| set| define)?(?: that)?|"
    r"set|define|suppose(?: that)?|assume(?: that)?|there we have|we have(?! \w+ (?:\w+ )?(?:left|"
    r"of))|we are given(?: that)?|we are told(?: that)?|it is given(?: that)?|now(?= (?:the|a|an|"
    r"it|he|she|they|we|\w+ (?:is|has|was|still|does|no|holds|are|have))\b)|"
    r"it must be(?: the case)? that|that means(?: that)?|this gives(?: us)?|"
    r"which means(?: that)?|which gives|this implies(?: that)?|this tells us(?: that)?|it says"
    r"(?: here)?(?: that)?|one (?:can|may) (?:see|conclude|infer)(?: that)?|(?:the|my|our) (?:text|"
    r"story|problem|puzzle|premise|witness|note|notes|sheet|label|sign|display|clue|question|"
    r"passage|"
    r"article|document|email|caption)s? (?:says?|said|states?|stated|tells us|reads?|shows?|"
    r"mentions?|"
    r"gives?|notes?)(?: that)|from [\w ]{1,25}? (?:we|it) (?:get|follows|see|conclude|know|infer)s?"
    r"(?: that)?|it follows that|we conclude that|i conclude that|(?:please )?note(?: that)?|"
    r"remember(?: that)?|recall(?: that)?|"
    r"the (?:conclusion|result|point|fact|truth|upshot|bottom line) is(?: that)?|as for [\w ]+?,)"
    r"[,:]?\s+(?=\S)"
)
_LABELS = re.compile(
    r"^(?:(?:my|the|our) )?(?:conclusion|observation|observed|finding|result|claim|premise|fact|"
    r"note|"
    r"assumption|given|clue|rule|update|correction|check|summary|conclusion so far|remark|lemma|"
    r"goal|"
    r"known|recap|info|entry|obs|measured|seen|warning|comment|hypothesis|evidence|reason|"
    r"statement|answer so far|final|final check|sanity check|q\.?e\.?d\.?)(?: \d+)?\s*:\s*(?=\S)"
)
_TAILS = re.compile(
    r"(?:,? (?:though|however|too|as well|by the way|of course|obviously|i think|apparently|"
    r"for sure|indeed|again|anyway|as expected|therefore|thus|then|after all|you see|"
    r"altogether(?= *$)|at all|after that|by then|as we know|so far|today(?= *$)|for now|"
    r"at the moment|at present|right now|overall|in the end|per the (?:log|notes|manual|report)|"
    r"according to (?:the|my|our) [\w ]+|\(?as (?:stated|given|noted|required|shown)\)?))+$"
)
_PAREN = re.compile(r"\s*\((?![^()]*[+*/^=<>])(?:[a-z][^()]*)\)(?=[\s.,]|$)")
_STATE = "|".join(
    sorted(
        {
            *OPPOSITES,
            *OPPOSITES.values(),
            *COLOURS,
            *(word for group in GROUPS for word in group),
            "armed",
            "ready",
            "done",
            "missing",
            "present",
            "idle",
            "running",
            "intact",
            "ok",
            "fine",
        }
        - {
            "light",
            "close",
            "fail",
            "pass",
            "lost",
            "won",
            "held",
            "may",
            "march",
            "north",
            "south",
            "east",
            "west",
            "fails",
            "passes",
            "passed",
            "failed",
            "released",
            "wins",
            "loses",
            "true",
            "false",
        },
        key=len,
        reverse=True,
    )
)
_MEASURED = {
    "weighs": {"more": "heavier", "less": "lighter"},
    "costs": {"more": "more expensive", "less": "cheaper"},
    "lasts": {"longer": "longer", "shorter": "shorter", "more": "longer", "less": "shorter"},
}
"""`weighs 2 kg more than` is `is 2 kg heavier than`."""
_STATUS = r"(?:status|state|level|reading|condition|position|value|location|colou?r)"
_BEEN = r"(?:is|are|was|were|has been|have been|had been|got|gets|is being|was being)"
_IRREGULAR = "|".join(sorted(IRREGULAR, key=len, reverse=True))
_DONE = rf"(?:\w{{2,}}ed|{_IRREGULAR})"
_NP = (
    r"(?:(?:the|a|an|his|her|its|their|my|our|no|every|each|all|some|any|both) [\w' -]+?|[\w"
    r"'-]+(?: \d+| [a-z])?)"
)

_REWRITES = (
    # Contractions.
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"\bshan't\b", "shall not"),
    (r"n't\b", " not"),
    (
        r"\b(it|he|she|that|there|this|what|here|who|everything|everyone|nobody|nothing)'s\b",
        r"\1 is",
    ),
    (r"\b(\w+)'re\b", r"\1 are"),
    (r"\b(\w+)'ve\b", r"\1 have"),
    (r"\b(\w+)'ll\b", r"\1 will"),
    (r"\bi'm\b", "i am"),
    (r"\blet's\b", "let us"),
    (
        rf"\b(\w+)'s (?=(?:not|on|off|in|at|now|still|already|\w{{3,}}ing|{_STATE})\b(?! \w+ (?:is|"
        rf"has|was)\b))",
        r"\1 is ",
    ),
    # Labels and telegrams.
    (r"^([a-z][\w' ]*?) -+ (?=[a-z-])", r"\1: "),
    (r"\bw/o\b", "without"),
    (r"\bw/(?= )", "with"),
    (
        r"\bapprox(?:imately|\.)? |\broughly |\b"
        r"about (?=\d)|~(?=\d)",
        "about ",
    ),
    (rf"^([\w' -]{{1,40}}?) {_STATUS}\s*:\s*([\w .-]+)$", r"the \1 is \2"),
    (rf"^{_STATUS}(?: of)? (?:the )?([\w' -]{{1,40}}?)\s*:\s*([\w .-]+)$", r"the \1 is \2"),
    (
        rf"^([a-z][\w' -]{{0,40}}?)\s*:(?!\d)\s*((?:not |now |still )?(?:{_STATE}|-?\d[\d.]*(?: [\w"
        rf"/]+)?))$",
        r"the \1 is \2",
    ),
    (
        r"^([a-z][\w' -]{0,30}?)\s*:\s*((?:in|on|at|under|behind|inside|near|left of|right of)"
        r" .+)$",
        r"the \1 is \2",
    ),
    (
        r"^([a-z][\w' -]{0,30}?) (?:status|check)?\s*:\s+(?=(?:the |a |an |all |no |if )?[\w ]+\b"
        r"(?:is|are|was|has|have|were|can|will|must|\w+ed|\w+s)\b)",
        "",
    ),
    (
        rf"^((?:the )?[a-z][\w' -]*?) (?:= )?((?:not |now |still )?(?:{_STATE}))(?: at (?:the )"
        rf"?(?:start|beginning|end)\b.*)?$",
        lambda m: m[0] if _has_verb(m[1]) else f"the {m[1].removeprefix('the ')} is {m[2]}",
    ),
    (
        r"^((?:the )?[a-z][\w' -]*?) (?:reads|reading|at|=|~) (?=-?\d[\d.]* ?[\w/]*$)",
        lambda m: m[0] if _has_verb(m[1]) else f"the {m[1].removeprefix('the ')} is ",
    ),
    (
        r"^((?:the )?[a-z][\w' -]*?) ((?:in|on|under|behind|inside|above|below|over|left of|right "
        r"of|"
        r"at least|at most|more than|less than) (?:the |a )?[\w .]+)$",
        lambda m: m[0] if _has_verb(m[0]) else f"the {m[1].removeprefix('the ')} is {m[2]}",
    ),
    (rf"^([a-z][\w' ]*?) -+ ((?:not )?(?:{_STATE}))$", r"the \1 is \2"),
    (r"^([a-z][\w' -]{0,40}?)\s*:(?!\d)\s*(-?\d[\d.]*(?: [\w/]+)?) left$", r"the \1 is \2"),
    (
        r"^([a-z][\w' -]{0,40}?)\s*:(?!\d)\s*((?:-?\d[\d.]* [\w/]+ )?\w+er than .+|(?:at least|at "
        r"most|below|above|over|under|more than|less than) .+)$",
        r"the \1 is \2",
    ),
    (
        r"^([a-z][a-z -]*?) (-?\d[\d.]*(?: [a-z/]+)?)$",
        lambda m: (
            m[0]
            if _has_verb(m[1])
            or re.search(
                r"\b(?:at|in|on|by|of|to|for|task|room|dock|shelf|step|sensor|than|and|plus|minus|"
                r"times)$",
                m[1],
            )
            else f"the {m[1].removeprefix('the ')} is {m[2]}"
        ),
    ),
    (
        r"^((?:the )?[a-z][\w' -]*?) ((?:-?\d[\d.]* [\w/]+ )?\w{2,}er than .+)$",
        lambda m: (
            m[0]
            if _has_verb(m[1]) or m[1] in ("more", "rather", "other")
            else f"the {m[1].removeprefix('the ')} is {m[2]}"
        ),
    ),
    (
        r"^(?:there (?:is|are) |we have |i have |we are left with )?((?:only|at least|at most|just|"
        r"exactly|more than|less than) )?(-?\d[\d.]* (?:kg|g|grams|litres|liters|ml|l|kilograms|"
        r"tonnes|kilos|pounds)) of (?:the )?([a-z]+)(?: (?:is|are))?(?: left| remain(?:s|ing)?| in "
        r"stock)?$",
        lambda m: f"the {m[3]} is {(m[1] or '').replace('only ', '').replace('just ', '')}{m[2]}",
    ),
    (r"\b(?:weighed|weighs|came|comes|clocked) in at (?=\d)", "weighs "),
    (
        r"^(?:the )?([\w][\w' ]*?) (temperature|pressure|speed|weight|height|length|width|depth|"
        r"age|"
        r"price) (?=is\b)",
        r"the \2 of \1 ",
    ),
    (
        r" in (height|length|width|depth|weight)$",
        lambda m: {
            "height": " tall",
            "length": " long",
            "width": " wide",
            "depth": " deep",
            "weight": "",
        }[m[1]],
    ),
    # If it were so.
    (r"^were (.+?) (not )?(\w+), (.+)$", r"if \1 is \2\3, \4"),
    (
        r"^had (.+?) (\w+(?:ed|en|wn))( "
        r".*)?, (.+)$",
        r"if \1 \2\3, \4",
    ),
    (
        r"^(if .+?) had (not )?(\w+)",
        lambda m: f"{m[1]} did not {m[3]}" if m[2] else f"{m[1]} {m[3]}",
    ),
    (r"^(if .+?) were (not )?(?=.*would)", r"\1 is \2"),
    (r"\bwould not have (?:been )?", "did not "),
    (r"\bwould have been\b", "was"),
    (r"\bwould have (?=\w+ed|\w+en|\w+wn)", ""),
    (r"\bwould not be\b", "is not"),
    (r"\bwould (?:then )?be\b", "is"),
    (r"\bwould not\b", "does not"),
    (r"\b(?:would|will) (?=[a-z]+)(?!be\b|not\b)", ""),
    (r"\bwill be\b", "is"),
    (r"\bwill not be\b", "is not"),
    (r"\bwill not\b", "does not"),
    # Clefts.
    (r"\b(is|was) (not )?one of the ([a-z]+)s$", lambda m: f"{m[1]} {m[2] or ''}a {m[3]}"),
    (
        r"\band (?:then|later|afterwards) (?=(?:\w+s|\w+ed|bought|sold|lost|won|got|gave|ate|found|"
        r"spent|made) (?:\d|\w+ more))",
        "and ",
    ),
    (r"^both of them, (.+?), (.+)$", r"\1 \2"),
    (
        r"^neither of them, (.+?) (?:and|or|nor) (.+?), "
        r"(.+)$",
        r"neither \1 nor \2 \3",
    ),
    (
        r"^it (?:is|was) not (?!the case|true|known|clear|certain|possible|said)(.+?) (?:who|that) "
        r"(\w+)(.*)$",
        r"it is not the case that \1 \2\3",
    ),
    (
        r"^it (?:is|was) ((?:the |a )?[\w ]+?) "
        r"(?:who|that) (.+)$",
        lambda m: (
            m[0]
            if re.match(
                r"(?:true|clear|the case|known|certain|false|not|said|possible|a fact)\b", m[1]
            )
            else f"{m[1]} {m[2]}"
        ),
    ),
    (r"\bcan not be (?=-?\d|[a-z]+$)", "is not "),
    (
        r"\b(\w+) no longer (has|have|holds|owns|"
        r"contains|works|runs|needs|lives|leads|\w"
        r"{3,}s)\b",
        r"\1 does not \2",
    ),
    (
        r"\b(\w+) only (works?|runs?|\w{2,}s|\w{2,}ed) (if|when|while|after|with)\b",
        r"\1 \2 only \3",
    ),
    (r"\b(is|was|are|were) (not )?home\b", lambda m: f"{m[1]} {m[2] or ''}at home"),
    (
        r"\bit took (.+?) (\S+ (?:minutes?|hours?|seconds?|days?|weeks?|months?|years?)) to (.+)$",
        r"the \1 \3 lasts \2",
    ),
    (
        r"^(.+?) (?:needs|needed|required|requires|spent|spends) ((?:less than |more than |at "
        r"most |"
        r"at least |only )?\S+ (?:minutes?|hours?|seconds?|days?|weeks?|months?|years?)) to (.+)$",
        r"the \1 \3 lasts \2",
    ),
    (
        r"^(.+?) (?:add up to|adds up to|sum to|sums to|sum up to|total) (-?\d.*)$",
        r"the sum of \1 "
        r"is \2",
    ),
    (r"\b(?:ends|ended|end|winds|wound|finishes|finished) up (?:with|having) ", "has "),
    (r"^(?:that|this|which) leaves (.+?) with ", r"\1 has "),
    (r"\b(?:owns|possesses)\b", "has"),
    (r"\bown\b(?! \w+ (?:is|was))", "have"),
    (r"\bis unpowered\b", "is not on"),
    (
        r"\b(?:has|have|had) been (?:switched|turned|powered) "
        r"(on|off)\b",
        r"is \1",
    ),
    (
        r"\b(?:has|have) (stopped|"
        r"started)\b$",
        lambda m: "is stopped" if m[1] == "stopped" else "is running",
    ),
    (r"\b(?:i|we) am\b|\bwe are\b(?! (?:given|told|left|looking|done))", "the robot is"),
    (r"\bi (?=have|had|was|can|must|did|do)\b", "the robot "),
    (r"\bthe robot (have)\b", "the robot has"),
    (r"\bthe robot do not\b", "the robot does not"),
    (
        r"^(?:i|we|they)(?: now| then)? (open|close|shut|lock|unlock|fill|empty|clean|break|fix|"
        r"repair|heat|cool|dry|charge|drain|activate|deactivate|enable|disable|light|move|put|"
        r"place|"
        r"carry|bring|take|grab|drop|push|pull|give|hand|lift|pour|switch|turn) ",
        lambda m: f"the robot {_third(m[1])} ",
    ),
    (r"\b(?:my|the robot's|its|the) (?:gripper|hand|hands|grippers)\b", "the robot"),
    (r"\b(?:is )?(?:holding|holds|carrying|carries|grasping) nothing\b", "is empty"),
    # Being and existence.
    (r"\b(is|are|was|were) no (?=[a-z]+$)", r"\1 not a "),
    (r"^the number (?:shown |written |printed )?on (.+?) is\b", r"\1 is"),
    (r"^(\d+|\w+) (?:people|persons|voters|members) voted for (.+)$", r"\2 has \1 votes"),
    (
        r"\b(?:stays|stayed|remains|remained|appears|appeared|seems|seemed|turns out|proved|proves|"
        r"appears to be|seems to be|turned out)(?: to be)? (?="
        rf"(?:not |very |completely |fully )?(?:{_STATE})\b)",
        "is ",
    ),
    (
        r"\b(is|are|was|were) (?:very|completely|fully|entirely|totally|brightly|quite|definitely|"
        r"certainly|clearly|really|indeed|also|still|now still|actually|in fact|therefore|thus|"
        r"hence|"
        r"consequently|always|(?<!t )even(?= though)) ",
        r"\1 ",
    ),
    (r"\bfully (?=charged|open|closed|loaded)", ""),
    (r"\bthere is(?: not|n't)? (?:nobody|no one|no-one|not anyone|no person)\b", "nobody is"),
    (r"\bthere (?:is|was) (?:not anybody|not anyone)\b", "nobody is"),
    (r"\bthere (is|was|are|were) not (?:any|a|an)\b", r"there \1 no"),
    (
        r"\b(has|have|had|contains?|holds?|owns?|carries) (?:nothing|not anything)\b",
        r"\1 not anything",
    ),
    (r"\bno-one\b", "nobody"),
    (r"\bno one\b", "nobody"),
    (r"\beach and every\b", "every"),
    (r"\bnot one\b(?! of)", "no"),
    (r"\b(?:is|are) (?:in existence|existent)\b", "exists"),
    (r"\b(?:does|do|did) not exist\b", "is missing"),
    (r"\bexists\b(?! (?:an?|at|no|some))", "is not missing"),
    (r"\b(?:is|are) (?:not there|nowhere to be found|gone)\b", "is missing"),
    (r"^nothing (?:is|was) (?:left )?(?:in|inside|on) (the [\w ]+|\w+)$", r"\1 is empty"),
    (r"^there (?:is|was) nothing (?:left )?(?:in|inside|on) (the [\w ]+|\w+)$", r"\1 is empty"),
    (r"\b(\w+)'s colou?r (is|was)\b", r"\1 \2"),
    (r"^the colou?r of (.+?) (is|was)\b", r"\1 \2"),
    (
        r"^the (winner|loser) (?:is|was) ((?!not)[\w ]+)$",
        lambda m: f"{m[2]} {'won' if m[1] == 'winner' else 'lost'}",
    ),
    (
        r"^(.+?) (?:is|was) (not )?the (winner|loser)$",
        lambda m: f"{m[1]} {_outcome(m[3] == 'winner', bool(m[2]))}",
    ),
    (
        r"^(?:of|among|out of) (?:the |all |these |those )?(?:two|three|four|five|six|them|these|"
        r"those)(?: \w+)?, (?!exactly|at |only|one|two|three|none)",
        "",
    ),
    (
        r"^(?!first|if|when|once|after)((?:the )?[\w-]+(?: [\w-]+)?) (?:then|also|later|"
        r"subsequently|"
        r"afterwards|eventually|finally|next|quickly|carefully|slowly|immediately|just|even|soon|"
        r"simply|promptly|suddenly) (?=\w+(?:ed|s)\b|went|took|put|gave|got|ran|came|left|made|did|"
        r"sold|bought|lost|found|ate)",
        r"\1 ",
    ),
    (
        r"^(?:nobody|no person) (?:can|may) (.+?) without ((?:a|an|the|any) .+)$",
        lambda m: f"to {m[1]} you need {m[2].replace('any ', 'a ')}",
    ),
    (
        r"^(.+?) (?:is|are) (?:needed|required|necessary) (?:in order )?to (\w+ .+)$",
        r"to \2 you "
        r"need \1",
    ),
    (r"^one (?=(?:needs|must|can|may|has)\b)", "you "),
    (r"\bstep (?=(?:[a-z]|aa|\d)\b)", ""),
    # Denial and modality.
    (
        r"\b(?:it is|it was|it's) (?:impossible|not possible|out of the question) (?:that|for "
        r"(?=the "
        r"|\w+ to))",
        "it is not the case that ",
    ),
    (r"\bit (?:can not|cannot) be (?:the case |true )?that\b", "it is not the case that"),
    (r"\bit is (?:not the case that )?(.+?) for (\w+|the \w+) to (\w+)", r"it is \1 for \2 to \3"),
    (
        r"^the (?:claim|hypothesis|idea|statement|assumption|rumou?r|report|assertion|suggestion|"
        r"theory|notion) that (.+) (?:is|was) (?:wrong|false|incorrect|untrue|mistaken|not true|"
        r"rejected|refuted|unfounded)$",
        r"it is not the case that \1",
    ),
    (
        r"^the (?:claim|hypothesis|idea|statement|assumption|rumou?r|report|assertion|suggestion|"
        r"theory) that (.+) (?:is|was) (?:right|true|correct|confirmed|justified)$",
        r"\1",
    ),
    (
        r"^(?:contrary to (?:what (?:was|is) said|belief|expectation|the plan)|against "
        r"expectation),? ",
        "",
    ),
    (r"^(.+) is (?:a )?(?:false|untrue|lie)$(?<! (?:\w) is false)", r"\1 is false"),
    (
        r"\b(?:fails|failed|fail|refuses|refused|forgets|forgot|neglected|neglects|omitted) to (\w"
        r"+)",
        r"did not \1",
    ),
    (
        r"\b(?:managed|manages|happened|happens|came|began|begins|started|starts|continues|"
        r"continued|"
        r"gets|got) to (\w+)\b(?! (?:at|before|after))",
        r"did \1",
    ),
    (r"\b(?:is|are|was|were) unable to\b", "can not"),
    (r"\b(?:is|are|was|were) not able to\b", "can not"),
    (r"\b(?:is|are|was|were) able to\b", "can"),
    (r"\b(?:is|are) capable of (\w+)ing\b", r"can \1"),
    (
        r"\b(?:need not|needn't|does not (?:have|need) to|do not (?:have|need) to|is not "
        r"(?:required|"
        r"obliged|forced) to|are not (?:required|obliged|forced) to)\b",
        "is not obliged to",
    ),
    (r"\b(?:is|are) (?:required|forced|bound|supposed|expected) to\b", "is obliged to"),
    (
        r"\b(?:need|needs|has|have) to\b(?! be\b)(?!.*\b(?:before|after|until|once|first)\b)",
        "is obliged to",
    ),
    (
        r"\bmust (?!not\b|be\b|have\b|come\b|happen\b|precede\b|follow\b|occur\b|take place\b)"
        r"(?=\w)"
        r"(?!.*\b(?:before|after|until|once|first)\b)",
        "is obliged to ",
    ),
    (r"\bmust have (?=\w+(?:ed|en|ne|wn)\b)", ""),
    (r"\bmust have been\b", "was"),
    (r"\b(?:is|are) (?:compulsory|mandatory|obligatory)\b", "is required"),
    (r"\bis optional\b", "is not required"),
    (r"\b(can|may|must|will|could|should) both\b", r"both \1"),
    (
        r"^(.+?) and (.+?) (?:can ?not|are not|is not|were not|cannot) both (?:be )?(.+)$",
        r"it is not the case that \1 is \3 and \2 is \3",
    ),
    (
        r"^(?:it is not possible for |)both (.+?) and (.+?) (?:can not) (?:be )?(.+)$",
        r"it is not "
        r"the case "
        r"that \1 is "
        r"\3 and \2 "
        r"is \3",
    ),
    (
        r"^(.+?) and (.+?) (?:are|is) (?:mutually exclusive|incompatible)$",
        r"it is not the case "
        r"that \1 is true and \2"
        r" is true",
    ),
    (r"^(.+?) (?:and|,) (.+?) are both (.+)$", r"\1 and \2 are \3"),
    # Conditions.
    (
        r"\b(?:in the event that|on condition that|on the condition that|supposing|so long as|"
        r"(?<=.)"
        r"(?<!are )given that|assuming that|assuming)\b",
        "if",
    ),
    (r"\bonly (?:while|so long as|as long as|during the time that|in case)\b", "only if"),
    (r"\b(?:while|so long as)\b(?=.*,)", "if"),
    (r"\bexcept (?:if|when)\b", "unless"),
    (r"^(?:no|without) ([\w ]+), (?:then )?(.+)$", r"if there is no \1, \2"),
    (r"^without (?:a |an |the )?([\w-]+) (?=(?:the |a |an )?\w+ )", r"if there is no \1, "),
    (
        r"\b(?:is|are) (?:a )?(?:necessary|needed|required) (?:condition )?for (?=.*\bto\b)",
        "is needed for ",
    ),
    (r"^(.+?) is (?:a )?sufficient(?: condition)? for (.+)$", r"\1 implies \2"),
    (r"^(.+?) is (?:a )?necessary(?: condition)? for (.+)$", r"\2 implies \1"),
    (
        r"\b(?:leads to|results in|causes|triggers|brings about|forces|makes sure|ensures|is "
        r"enough "
        r"for)\b(?: that)?",
        "implies",
    ),
    (r"\bif it (?:is|'s) raining\b", "if it rains"),
    (r"\bit (?:is|was) (not )?raining\b", lambda m: f"the rain is {m[1] or ''}falling"),
    (r"\b(?:it|the rain) (?:did|does) not rain\b", "the rain is not falling"),
    (
        r"\bit (?:rains|"
        r"rained)\b",
        "the rain is falling",
    ),
    (r"\bit (?:is|was) (not )?snowing\b", lambda m: f"the snow is {m[1] or ''}falling"),
    (r"\bit (?:snows|snowed)\b", "the snow is falling"),
    # Quantifiers.
    (r"^(.+) without (?:exception|any exception)s?$", r"\1"),
    (r"\bnot (?:a single|even one) (?!of)", "no "),
    (r"\b(?:not a single one|zero|not even one) of\b", "none of"),
    (
        r"\b(?:every single|each "
        r"single|each one of|every "
        r"one of)\b(?= the)",
        "all of",
    ),
    (r"\b(?:every single|each single)\b", "every"),
    (
        r"^(?:everyone|everybody|all) (?:except|but|apart from|other than|save)(?: for)? (.+?) ("
        + _DONE
        + r"|is|are|was|were|has|have|can|did|does|will|may)\b(.*)$",
        r"everyone but \1 \2\3",
    ),
    (
        r"^(?:nobody|none|no \w+) (?:except|but|apart from|other than|save)(?: for)? (.+?) ("
        + _DONE
        + r"|is|are|was|were|has|have|can|did|does|will|may)\b(.*)$",
        r"only \1 \2\3",
    ),
    (
        r"^(.+?) (?:is|was) the only (?:one|person|student|child|robot|thing|guest|member|\w+) "
        r"(?:who|that|which|to) (.+)$",
        r"only \1 \2",
    ),
    (r"^(.+?) alone (" + _DONE + r"|is|has|was|can|may|\w+s) (.+)$", r"only \1 \2 \3"),
    (r"^the only (?:one|person|thing|\w+) (?:who|that|which) (.+) (?:is|was) (.+)$", r"only \2 \1"),
    (r"\bat (?:the very )?(?:least|minimum)(?= \d)", "at least"),
    (r"\ba minimum of (?=\S+)", "at least "),
    (r"\ba maximum of (?=\S+)", "at most "),
    (r"\b(?:a total of|altogether|all in all|in all) (?=\d|\w+ \w+)", ""),
    (
        r"\bno (?:greater|"
        r"bigger|larger|"
        r"higher|longer|"
        r"heavier) than (?=[\d"
        r".]+)",
        "at most ",
    ),
    (r"\bno (?:smaller|lower|shorter|lighter) than (?=[\d.]+)", "at least "),
    (
        r"\b(?:or|and) "
        r"(?:more|above|"
        r"over|greater)$",
        "or more",
    ),
    (r"\b(?:at|with|of|is) (\d[\d.]*(?: \w+)?) or more\b", r"is at least \1"),
    (
        r"\b(?:at|with|of|"
        r"is) (\d[\d"
        r".]*(?: \w+)?) "
        r"or (?:less|"
        r"fewer|below|"
        r"under)\b",
        r"is at most \1",
    ),
    (r"\b(exceeds?|exceeded|surpass(?:es|ed)?)\b (?=\d)", "is more than "),
    (
        r"\b(?:does|did) not "
        r"exceed\b",
        "is at most",
    ),
    (r"\b(?:exceeds?|exceeded|surpass(?:es|ed)?|tops|topped)\b", "is more than"),
    (r"\bis (?:in excess of|upwards of)\b", "is more than"),
    (
        r"\bis (?:bigger|larger|smaller|"
        r"higher|lower|greater) than (?=-?\d)",
        lambda m: "is less than " if re.search("smaller|lower", m[0]) else "is more than ",
    ),
    (r"\b(?:one|a) dozen\b", "12"),
    (r"\ba couple of\b", "2"),
    (r"\ba pair of\b", "2"),
    (r"\ba (?:single|sole) (?=\w)", "1 "),
    (r"\bboth of the\b", "both"),
    (r"\b(?:a|one) half\b(?= an?| of)", "half"),
    (r"\bhalf an hour\b", "30 minutes"),
    (
        r"\bhalf a "
        r"(?=day|kilo|litre|meter|metre)",
        "0.5 ",
    ),
    (r"\ban hour and a half\b", "90 minutes"),
    (r"\b(?:an|one) hour\b(?! and)", "1 hour"),
    (
        r"\ba (?=minute|day|week|month|year|kilogram|metre|meter|litre|liter)\b(?= (?:later|"
        r"earlier|before|after|long|more|less|older|younger|old)|$)",
        "1 ",
    ),
    (r"\b(\d+) (?:and a half|1/2)\b", lambda m: f"{int(m[1])}.5"),
    # Owning and measures.
    (r"\b(?:is|are) the owner of\b", "owns"),
    (
        r"\b(?:possesses|possess|is in possession of|are "
        r"in possession of)\b",
        "has",
    ),
    (r"\bhas got\b", "has"),
    (r"\bhave got\b", "have"),
    (
        r"\b(weighs|costs|measures|lasts|takes|scored|earned|paid) (\S+ \w+) (more|less|longer|"
        r"shorter) than\b",
        lambda m: f"is {m[2]} {_MEASURED.get(m[1], {}).get(m[3], m[3])} than",
    ),
    (
        r"\b(?:weighs|weigh) (more|less) than (?=[a-z])",
        lambda m: "is heavier than " if m[1] == "more" else "is lighter than ",
    ),
    (
        r"\b(?:costs|cost) (more|less) than (?=[a-z])",
        lambda m: "is more expensive than " if m[1] == "more" else "is cheaper than ",
    ),
    (
        r"\b(?:lasts|lasted|takes|took) (longer|less time|more time) than (?=[a-z])",
        lambda m: "is shorter than " if "less" in m[1] else "is longer than ",
    ),
    (r"\bis priced at\b", "costs"),
    (r"\b(?:sells|retails|goes) for\b", "costs"),
    (
        r"\btips the "
        r"scales at\b",
        "weighs",
    ),
    (
        r"\b(?:has|had) (?:an? )?(?:total )?(weight|mass|length|height|width|depth|price|cost|"
        r"temperature|age|speed) (?:equal to |of )?(?=\d)",
        r"has a \1 of ",
    ),
    (r"\b(?:does|did) not (?:come|arrive|finish) (?:before|ahead of)\b", "did not come before"),
    (
        r"^(?:you|we|one) (?:will|can|may|could) (?:find|see) (.+?) (in|on|at|under|inside|behind) "
        r"(.+)$",
        r"\1 is \2 \3",
    ),
    (r"^(.+?) can be (?:found|seen) (in|on|at|under|inside|behind) (.+)$", r"\1 is \2 \3"),
    (r"\b(?:started|began|starts|begins) (?:out |off )?with (?=\w+ \w+)", "had "),
    (
        r"\b(?:received|got|scored|won|earned|obtained|collected|gained|gets|receives|scores|earns|"
        r"polled) (?=(?:\w+ ){1,3}(?:votes?|points?|goals?|marks?|medals?)\b)",
        "has ",
    ),
    (
        r"\b(?:bought|sold|made|read|wrote|ate|collected|caught|baked|picked|planted|solved|"
        r"received|"
        r"got|scored|earned|owned|found) (\w+ (?:more|fewer) [\w ]+ than )",
        r"has \1",
    ),
    (
        r"\b(?:goes|went|runs|ran|continues|continued|carries|carried) on for\b|\b(?:goes|runs|ran|"
        r"continues) for (?=\d)",
        "lasts",
    ),
    (
        r"^(?:the distance|it is a distance|it is) (?:from here )?to (.+?) (?:is|of) (\S+ \w+)$",
        r"\1 is \2 away",
    ),
    (r"^it is (\S+ \w+) to (.+)$", r"\2 is \1 away"),
    (r"\b(farther|further) away than\b", "farther than"),
    # Who did what: the active voice.
    (
        rf"^({_NP}) {_BEEN} (not )?({_DONE}) by (?!(?:\d|noon|midnight|then|now|\w+ing\b|hand\b|"
        rf"far\b"
        rf"))({_NP})$",
        lambda m: f"{m[4]} did not {m[3]} {m[1]}" if m[2] else f"{m[4]} {m[3]} {m[1]}",
    ),
    (rf"^by ({_NP}) ({_NP}) {_BEEN} ({_DONE})$", r"\1 \3 \2"),
    # Relations the other way round.
    (r"^(.+?) (?:received|borrowed|got) (the .+?) from (.+)$", r"\3 gave \2 to \1"),
    (r"^(.+?) (?:was|is) (?:given|handed) (.+?) by (.+)$", r"\3 gave \2 to \1"),
    (r"^(.+?) (?:learned|learnt) (.+?) from (.+)$", r"\3 taught \2 to \1"),
    (r"\b(?:is|was) (?:a |the )?(?:wife|husband|spouse) of\b", "is married to"),
    (
        r"^(.+?) (?:is|"
        r"was) (\w+)'s "
        r"(?:wife|husband|spouse)$",
        r"\1 is married to \2",
    ),
    (
        r"^(.+?) and (.+?) (?:are|were) (married|siblings|twins|neighbou?rs|friends|colleagues|"
        r"identical|equal|brothers|sisters|cousins)(?: to each other)?$",
        lambda m: (
            f"{m[1]} is married to {m[2]}"
            if m[3] == "married"
            else (
                f"{m[1]} is equal to {m[2]}"
                if m[3] in ("equal", "identical")
                else f"{m[1]} is a {m[3].rstrip('s')} of {m[2]}"
            )
        ),
    ),
    # Reversed word order.
    (
        r"^(?:in|on|at|under|inside|behind|above|below|next to|beside) (the [\w ]+?) (?:is|are|was|"
        r"sits|lies|stands|hangs) ((?:the|a|an|\d+|\w+) .*)$",
        lambda m: f"{m[2]} is {m[0].split(' the ')[0]} {m[1]}",
    ),
    (r"^not (on|in|off|open|closed|ready) (is|was) (.+)$", r"\3 \2 not \1"),
    # Verbs of change without an agent.
    (
        r"\b(?:is|was) (?:at )?(?:fault|out of order|out of service|not working|not functional|not "
        r"functioning|not operational|defective|damaged|faulty|malfunctioning|kaput)\b",
        "is broken",
    ),
    (
        r"\b(?:is|was|are|were) (?:intact|undamaged|functional|functioning|operational|in order|in "
        r"working order|fault-free)\b",
        "is working",
    ),
    (r"\b(?:is|are|was|were) (?:switched|turned|powered) (on|off)\b(?! by)", r"is \1"),
    (r"\bis (not )?(?:energi[sz]ed|powered)\b", lambda m: f"is {m[1] or ''}on"),
    (r"\b(?:is|are) (not )?(?:ajar|wide open)\b", lambda m: f"is {m[1] or ''}open"),
    (r"\bcontains? (?:no|not any)thing\b", "is empty"),
    (
        r"\b(?:is|are) (?:full to the brim|"
        r"filled up|filled)\b",
        "is full",
    ),
    (r"\bis (?:at rest|stationary|standing still|not in motion|motionless)\b", "is not moving"),
    (r"\bis halted\b", "is stopped"),
    (r"\bis in motion\b", "is moving"),
    (r"\b(?:is|was) (?:deceased|lifeless)\b", "is dead"),
    (r"\b(?:is|was) (?:rainy)\b", "is wet"),
    (r"\b(?:is|are) down\b$", "is not up"),
    (r"\b(?:is|are) (?:offline|unplugged|disconnected)\b", "is not online"),
    (r"\bis (?:connected|plugged in)\b(?! to)", "is online"),
    (r"\bsucceeded$", "passed"),
    (r"\b(?:was|is) (?:a success|successful)$", "passed"),
    (r"\b(?:was|is) (?:a failure|unsuccessful)$", "failed"),
    (r"\b(went|goes|moved|climbed|increased|rose|rises|grew|grows|increases) up\b", "rose"),
    (r"\b(?:increased|increases|climbed|grew|grows|went higher|rises)\b$", "rose"),
    (
        r"\b(?:went down|goes down|decreased|decreases|dropped|drops|declined|fell|sank|shrank|"
        r"falls)"
        r"\b$",
        "did not rise",
    ),
)
_REWRITING = tuple((re.compile(pattern), text) for pattern, text in _REWRITES)
_VERB = re.compile(
    r"\b(?:is|are|was|were|be|has|have|had|does|do|did|can|will|may|must|am|if|when|unless|equals|"
    r"contains?|holds?|weighs|costs|takes|needs|runs?|moves?|lies|sits|stands)\b"
    rf"|\b(?:{_IRREGULAR})\b"
)


def _outcome(won: bool, denied: bool) -> str:
    """What a winner, or who is none, did."""
    if denied:
        return "did not win" if won else "did not lose"
    return "won" if won else "lost"


def _third(verb: str) -> str:
    """`carry`, `carries`."""
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x")) else "s")


def _has_verb(text: str) -> bool:
    """Whether a text may be a sentence with a verb of its own."""
    words = text.split()
    forms = {
        form
        for word in words[1:]
        for form in (word, word.removesuffix("s"), word.removesuffix("es"))
    }
    return (
        bool(_VERB.search(text))
        or bool(re.search(r"\b\w{3,}(?:ed|ing)\b(?! of)", text))
        or not VERBS.isdisjoint(forms)
        or len(words) > 6
        or words[0]
        in (
            "neither",
            "either",
            "both",
            "only",
            "nobody",
            "none",
            "not",
            "some",
            "most",
            "if",
            "no",
            "every",
            "all",
            "each",
            "you",
            "we",
            "i",
            "they",
            "he",
            "she",
            "it",
        )
    )


def rewritten(text: str) -> str:
    """A sentence in lower case, in the words that the rules know."""
    text = text.strip(" ,;.")
    for _ in range(6):
        shorter = _LABELS.sub("", _PAUSES.sub("", text)).strip(" ,;.")
        shorter = _FILLERS.sub("", shorter).strip(" ,;")
        shorter = _TAILS.sub("", _PAREN.sub("", shorter)).strip(" ,;")
        if shorter == text or not shorter:
            break
        text = shorter
    for pattern, replacement in _REWRITING:
        text = pattern.sub(replacement, text)
    return re.sub(r"\s+", " ", text).strip(" ,;")


def telegram(text: str) -> bool:
    """Whether a text is a thing and its state, with no verb: `lights off`, `alarm: armed`."""
    found = re.fullmatch(
        rf"(?:the )?([a-z][\w' -]*?):? (?:not )?(?:{_STATE}|armed|\w{{3,}}ed)", text.strip(" .")
    )
    return found is not None and len(found[1].split()) <= 3 and not _has_verb(found[1])
