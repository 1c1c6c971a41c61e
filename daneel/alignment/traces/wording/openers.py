"""Words around a sentence that say nothing of their own: pauses, fillers, labels, tails."""

from __future__ import annotations

import re

_PAUSES = re.compile(
    r"^(?:wait|hmm+|okay|ok|well|right|now|alright|all right|great|good|yes|yeah|no|oh|ah|actually|"
    r"still|again|plus|anyway|first of all|basically|overall|similarly|likewise|besides|in short|"
    r"in summary|to sum up|after all|in that case|for now|at last|instead|interestingly|"
    r"surprisingly|in total|here|at first glance|on the other hand|on inspection|conclusion|result|"
    r"thinking about it|looking at it|by contrast|in contrast|as (?:expected|before|stated|noted|"
    r"given|mentioned|shown)(?: above| before| earlier)?|by (?:transitivity|definition|"
    r"construction|assumption|contraposition|modus ponens|modus tollens|symmetry|elimination|"
    r"the (?:rule|premise|definition|first|second|above)[\w ]*)|from (?:this|that|these|the)[\w ]*|"
    r"for (?:sure|certain)|no wait|hold on|let me (?:see|think|check)|on reflection|in reality|"
    r"in effect|at this stage)\s*(?:[,:]|\.\.\.?|-+)\s*|^(?:hmm+|wait|okay|ok)\s+"
)
"""Words before a comma that say nothing."""
_FILLERS = re.compile(
    r"^(?:and|but|so|then|also|hence|thus|therefore|consequently|accordingly|because|since|again|"
    r"actually|apparently|clearly|obviously|it is also (?:true|known) that|i (?:think|believe|see|"
    r"know|note|recall|remember|find|conclude|notice|noticed|saw|found)(?: also)?(?: that)?|"
    r"we (?:think|believe|were told|get|obtain|measured|noted|can say)(?: also)?(?: that)?|"
    r"let(?: us| me)?(?: say| assume| suppose| call| set| define)?(?: that)?|set|define|"
    r"suppose(?: that)?|assume(?: that)?|there we have|we have(?! \w+ (?:\w+ )?(?:left|of))|"
    r"we are given(?: that)?|we are told(?: that)?|it is given(?: that)?|now(?= (?:the|a|an|it|he|"
    r"she|they|we|\w+ (?:is|has|was|still|does|no|holds|are|have))\b)|"
    r"it must be(?: the case)? that|that means(?: that)?|this gives(?: us)?|which means(?: that)?|"
    r"which gives|this implies(?: that)?|this tells us(?: that)?|it says(?: here)?(?: that)?|"
    r"one (?:can|may) (?:see|conclude|infer)(?: that)?|(?:the|my|our) (?:text|story|problem|puzzle|"
    r"premise|witness|note|notes|sheet|label|sign|display|clue|question|passage|article|document|"
    r"email|caption)s? (?:says?|said|states?|stated|tells us|reads?|shows?|mentions?|gives?|"
    r"notes?)(?: that)|from [\w ]{1,25}? (?:we|it) (?:get|follows|see|conclude|know|"
    r"infer)s?(?: that)?|it follows that|we conclude that|i conclude that|"
    r"(?:please )?note(?: that)?|remember(?: that)?|recall(?: that)?|the (?:conclusion|result|"
    r"point|fact|truth|upshot|bottom line) is(?: that)?|as for [\w ]+?,)[,:]?\s+(?=\S)"
)
_LABELS = re.compile(
    r"^(?:(?:my|the|our) )?(?:conclusion|observation|observed|finding|result|claim|premise|fact|"
    r"note|assumption|given|clue|rule|update|correction|check|summary|conclusion so far|remark|"
    r"lemma|goal|known|recap|info|entry|obs|measured|seen|warning|comment|hypothesis|evidence|"
    r"reason|statement|answer so far|final|final check|sanity check|"
    r"q\.?e\.?d\.?)(?: \d+)?\s*:\s*(?=\S)"
)
_TAILS = re.compile(
    r"(?:,? (?:though|however|too|as well|by the way|of course|obviously|i think|apparently|"
    r"for sure|indeed|again|anyway|as expected|therefore|thus|then|after all|you see|"
    r"altogether(?= *$)|at all|after that|by then|as we know|so far|today(?= *$)|for now|"
    r"at the moment|at present|right now|overall|in the end|per the (?:log|notes|manual|report)|"
    r"according to (?:the|my|our) [\w ]+|\(?as (?:stated|given|noted|required|shown)\)?))+$"
)
_PAREN = re.compile(r"\s*\((?![^()]*[+*/^=<>])(?:[a-z][^()]*)\)(?=[\s.,]|$)")


def bare(text: str) -> str:
    """A sentence without what surrounds it, up to six layers deep."""
    text = text.strip(" ,;.")
    for _ in range(6):
        shorter = _LABELS.sub("", _PAUSES.sub("", text)).strip(" ,;.")
        shorter = _FILLERS.sub("", shorter).strip(" ,;")
        shorter = _TAILS.sub("", _PAREN.sub("", shorter)).strip(" ,;")
        if shorter == text or not shorter:
            break
        text = shorter
    return text
