"""Words that deny, doubt or date what stands near them, as ConText's triggers do (Harkema et al., J Biomed Inform 2009), and NegEx's
before (Chapman et al., J Biomed Inform 2001).

Phrases as in finding sets (`phrases.py`). The longest that fits counts, so that "no significant change" denies nothing and "cannot be
excluded" doubts instead of denying.
"""

from __future__ import annotations

from typing import Literal, get_args

Cue = Literal[
    "deny_after",
    "deny_next",
    "deny_before",
    "doubt_after",
    "doubt_before",
    "doubt_beside",
    "probable_after",
    "probable_before",
    "past_after",
    "aside_after",
    "nothing",
    "end",
    "end_back",
]
"""What a cue does to mentions after or before it in its clause; `next` and `beside`: to those within a few words. `probable` is more than
doubt. `past`: not of this examination. `aside`: what is asked for, advised or supposed, not seen. `nothing`: holds words of a cue and is
none. `end`: clauses end here; `end_back`: for cues that look back only."""
RULES_VERSION = 1
"""Goes up with every change of how sentences are read, beside the cues themselves; each run of labels records it."""
CUES: tuple[Cue, ...] = get_args(Cue)

_SEEN = (
    "(observed|detected|seen|identified|present|noted|visualized|visualised|found|demonstrated|appreciated|evident|apparent|shown|noticed"
    "|encountered|recognized|suspected|visible|discerned|selected|distinguished|revealed|depicted|monitored|followed|determined|perceived"
    "|considered|defined|noticeable)"
)
_MUCH = "(significant|definite|substantial|appreciable|obvious|major|gross|marked|interval|further|relevant|notable|clear)"
_BE = "(is|are|was|were|be|been|has been|have been|had been|could be|can be)"

_PRIOR = (
    "(the|a|an|his|her|this patient's)? (patient's)? (previous|prior|old|older|outside|earlier|last|preceding)"
    " (chest|thorax|thoracic|head|brain|outside|ct|pet ct|mr|mri|x ray)?"
    " (exam|examination|examinations|scan|scans|study|studies|ct|cts|radiograph|radiographs|film|films|mri|report|reports|review|reviews"
    "|imaging|tomography|investigation)"
)

TRIGGERS: dict[Cue, tuple[str, ...]] = {
    "deny_after": (
        "no",
        "no (evidence|sign|signs|indication|suggestion|finding|findings|appearance|radiographic evidence) (of|for|to suggest|in favor of)?",
        "not",
        "without (any)? (evidence|sign|signs)? (of)?",
        "(denies|denied|denying)",
        "(absence|lack|lacking) (of)?",
        "(free|clear|cleared) (of|from)",
        "(negative|neg) for",
        "(neither|nor|never|none)",
        "(fails|failed|failure) to (show|reveal|demonstrate|identify)",
        "(rules|ruling) out",
        "(exclude|excludes|excluding)",
        "(resolution|clearing|disappearance|removal|evacuation) of",
        "(complete|total|full) (regression|resolution) of",
        "(didn't|doesn't|isn't|aren't|wasn't|weren't|hasn't|haven't)",
        "(unlikely|unlikely to be|less likely)",
        "(no longer|not any)",
        f"no longer {_SEEN} (is|are)",
        "(kein|keine|keinen|keiner|keinem|keines|ohne|nicht|weder|noch kein)",
        "(kein|ohne) (nachweis|hinweis|anhalt) (von|auf|fuer|für|einer|eines)?",
        "(ausschluss|frei von)",
        "(rückbildung|vollständige rückbildung) (der|des)?",
    ),
    "deny_next": ("absent", "(interval|now|previously|completely|since)? (resolved|removed|healed completely)"),
    "deny_before": (
        f"{_BE}? (not|no longer|never) (been|be)? (clearly|definitely|significantly|currently|obviously)? {_SEEN}",
        f"({_BE})? (not|no longer|never) (been|be|any longer)? {_SEEN}",
        f"(cannot|can not|could not|can't|couldn't) be (clearly|definitely)? {_SEEN}",
        f"(wasn't|weren't|isn't|aren't|hasn't been|haven't been) {_SEEN}",
        f"not (any longer)? {_SEEN}",
        f"no longer {_SEEN}",
        "(is|are|was|were) (absent|negative|excluded|ruled out|unlikely|lacking)",
        "(has|have|had)? (since)? (been)? (completely|totally|fully|interval|almost completely)?"
        " (resolved|cleared|disappeared|vanished|removed|absorbed|drained|healed)",
        "(has|have|had|is|are|was|were)? (been)? (completely|totally|fully) (regressed|lost|evacuated)",
        "has been lost",
        "have been lost",
        "show complete (regression|resolution)",
        "(absent|excluded|ruled out)",
        "is no longer",
        "are no longer",
        ": (no|none|absent|negative|nil|not seen|not present|nein) (;|,|.)",
        "(nicht|nicht mehr) (nachweisbar|abgrenzbar|erkennbar|sichtbar|zu sehen|vorhanden)",
        "(ausgeschlossen|unwahrscheinlich)",
        "(ist|sind)? (vollständig|komplett)? (zurückgebildet|rückgebildet|resorbiert|entfernt)",
    ),
    "doubt_after": (
        "(possible|possibly|perhaps|potential|potentially)",
        "(may|might|could) (well)? (also)? (in part)? (be|represent|reflect|indicate|suggest|relate to|be related to|be due to"
        "|be secondary to|be caused by|be compatible with|be consistent with|be seen with)?",
        "(suggest|suggests|suggesting|suggestive|suggested|suggestion)",
        "(suspicious|suspicion|concern|concerning|worrisome|questionable|equivocal|indeterminate) (for|of|about|in terms of)",
        "(questionable|question|question of|equivocal|suspected|suspect)",
        "(cannot|can not|could not|can't|not|unable to|difficult to|hard to) (completely|entirely|definitely)? (exclude|rule out)",
        "(differential|differential diagnosis|differential diagnoses|differential considerations|ddx)"
        " (includes|include|including|would include|:|is|are|of|considerations include)?",
        "(not possible|impossible) to (completely|entirely|definitely)? (exclude|rule out)",
        "(not certain|uncertain|unclear|unsure) (if|whether|for)?",
        "(verdacht auf|v a|möglich|moeglich|möglicherweise|fraglich|fragliche|fraglicher|fragliches|dd)",
        "(nicht|nicht sicher) (ausgeschlossen|auszuschließen|auszuschliessen)",
    ),
    "doubt_before": (
        "(cannot|can not|could not|can't|not) (be)? (completely|entirely|definitely|definitively|totally|fully)? (excluded|ruled out)",
        "(cannot|could not|can not) be (evaluated|assessed)",
        "(is|are|was|were|remains|remain)? not (completely|entirely)? (excluded|ruled out)",
        "(difficult|hard|impossible|unable) to (exclude|rule out|completely exclude|entirely exclude)",
        "(is|are|remains|remain|also|would be) (possible|questionable|equivocal|suspected|a possibility|a consideration)",
        "(may|might|could|should|can) (also)? be (considered|present|possible|suspected|excluded)",
        "(is|are)? (in|included in|considered in|among) (the)? differential (diagnosis)?",
        "in the differential (diagnosis)?",
        "(nicht|nicht sicher) (ausgeschlossen|auszuschließen|auszuschliessen)",
    ),
    "probable_after": (
        "(probable|probably|presumably|presumed|presumptive|presumptively)",
        "(likely|most likely|more likely|very likely|highly likely) (to)? (be|represent|represents|representing|reflect|reflects)?",
        "(favor|favors|favored|favoring|favoured) (to)? (be|represent|as)?",
        "(wahrscheinlich|am ehesten)",
    ),
    "probable_before": ("(is|are|remains|remain|would be) (probable|likely|most likely|favored|favoured|presumed)",),
    "doubt_beside": ("(versus|vs)",),
    "past_after": (
        "(history|hx|h o|past history|past medical history|known history|personal history|family history|medical history) (of)?",
        "(anamnese|anamnestisch|z n|zustand nach)",
        f"(on|in|at) {_PRIOR}",
    ),
    "aside_after": (
        "(rule|r) (out|o)",
        "if",
        "(clinical)? (concern|question|indication) (:|of)",
        "(evaluate|evaluation|evaluated|assess|assessed|assessment|follow up|followup|surveillance|screening|workup|work up|search) for",
        "to (exclude|rule out|evaluate for|assess for|look for|confirm)",
        "(recommended|advised|suggested) (to)? (exclude|rule out|confirm)",
        "(risk|risk factors|predisposition) (of|for)",
        "(should|return if|in case of)",
        "(may|might|could|can) (mask|obscure|simulate|mimic|hide)",
    ),
    "nothing": (
        f"no {_MUCH}? (interval)? (change|changes|difference|differences|progression|growth|decrease|regression|improvement|worsening)"
        " (in|of|from|since|is|was|were|has|have)?",
        f"(no|not|without) {_MUCH}? (increase|increased|enlargement) (in|of)? (the)?"
        " (size|sizes|number|numbers|dimension|dimensions|amount|extent|volume)",
        f"no {_MUCH}? (interval)? (increase|enlargement) (is|was|were|has|since|compared)",
        "no longer than",
        "not (only|just|merely|necessarily)",
        "not (significantly|substantially|markedly|appreciably)? (changed|increased|decreased|different|progressed|enlarged since)",
        f"without (any)? {_MUCH}? (interval)? (change|changes|difference|progression|growth|improvement)",
        "(not|without) (optimal|optimally|clearly evaluated|evaluated optimally)",
        "(cannot|could not|can not) (be)? (clearly|optimally|fully|adequately|clearly be)?"
        " (evaluated|assessed|characterized|differentiated|separated|distinguished from|measured|compared|performed|clearly distinguished"
        "|clearly separated)",
        "not (well|optimally|clearly|fully|adequately|completely)?"
        " (evaluated|assessed|characterized|performed|included|imaged|compared|measured)",
        "no doubt",
        "in (favor|favour) of",
        "(compared|comparison|compare|comparing|according|relative|similar|respect|contrast|unchanged|unchanged from|change from"
        f"|changed from|than|than on|since|from) (to|with)? {_PRIOR}",
        "(seen|observed|described|noted|present|visible|shown|reported|known|detected|identified|defined|existing|available|selected)"
        f" (on|in|at|from) {_PRIOR}",
        "no (prior|previous|old|comparison|priors)",
        "not (reach|reaching|exceed|exceeding|meet|meeting)",
        "no (stone|stones)",
        "(not|never) (absent|without|negative|free of)",
        "(no|without) (iv|intravenous)? contrast",
        "may 20*",
        "may 19*",
        "(not|no) (yet)? (resolved|cleared|completely resolved)",
        "(which|that) (was|were) not (observed|seen|present|detected|visible|noted) (in|on|at) (the|his|her)? (previous|prior|old|last)",
        "(was|were)? not (observed|seen|present|detected|visible|noted) (in|on|at) (the|his|her)? (previous|prior|old|last)",
        "no (correlate|other abnormality|other abnormalities|other finding|other findings|other significant abnormality)",
    ),
    "end": (
        "(but|however|although|though|yet|whereas|while|nevertheless|nonetheless|otherwise)",
        "(except|excepting|apart from|aside from|other than|besides|save for|with the exception of|in addition to|rather than)",
        "(due to|because|because of|secondary to|owing to|as a result of|caused by|related to|in the setting of)",
        "(aber|jedoch|allerdings|sondern|außer|ausser|bei)",
        "(with|and) (a)? (small|mild|moderate|large|minimal)? (new|stable|unchanged|persistent|residual|remaining)",
        ", with",
        "there (is|are|was|were)",
    ),
    "end_back": ("which", "(where|in which)", "compared (to|with)"),
}
