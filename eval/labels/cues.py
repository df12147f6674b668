"""Words that deny, doubt or date what stands near them: ConText's triggers (Harkema et al., J Biomed Inform 2009; NegEx, Chapman et al. 2001).

Phrases as in finding sets (`phrases.py`). The longest that fits counts, so that "no significant change" denies nothing and "cannot be
excluded" doubts instead of denying.
"""

from __future__ import annotations

from typing import Literal, get_args

Cue = Literal["deny_after", "deny_before", "doubt_after", "doubt_before", "past_after", "aside_after", "nothing", "end", "end_back"]
"""What a cue does to mentions after or before it in its clause. `past`: not of this examination. `aside`: what is asked for, advised
or supposed, not seen. `nothing`: holds words of a cue and is none. `end`: clauses end here; `end_back`: for cues that look back only."""
CUES: tuple[Cue, ...] = get_args(Cue)

_SEEN = (
    "(observed|detected|seen|identified|present|noted|visualized|visualised|found|demonstrated|appreciated|evident|apparent|shown|noticed"
    "|encountered|recognized|suspected|visible|discerned|selected|distinguished|revealed|depicted|monitored|followed|determined|perceived"
    "|considered|defined|noticeable)"
)
_BE = "(is|are|was|were|be|been|has been|have been|had been|could be|can be)"

TRIGGERS: dict[Cue, tuple[str, ...]] = {
    "deny_after": (
        "no",
        "no (evidence|sign|signs|indication|suggestion|finding|findings|appearance|radiographic evidence) (of|for|to suggest|in favor of)?",
        "not",
        "without (any)? (evidence|sign|signs)? (of)?",
        "(denies|denied|denying)",
        "(absence|lack|lacking|absent) (of)?",
        "(free|clear|cleared) (of|from)",
        "(negative|neg) for",
        "(neither|nor|never|none)",
        "(fails|failed|failure) to (show|reveal|demonstrate|identify)",
        "(rules|ruled|ruling) out",
        "(exclude|excludes|excluded|excluding)",
        "(resolution|clearing|disappearance|removal|evacuation) of",
        "(resolved|removed|disappeared|complete regression of|total regression of)",
        "(can't|cannot|couldn't|didn't|doesn't|isn't|aren't|wasn't|weren't|hasn't|haven't)",
        "(unlikely|unlikely to be|less likely)",
        "(no longer|not any)",
        "(kein|keine|keinen|keiner|keinem|keines|ohne|nicht|weder|noch kein)",
        "(kein|ohne) (nachweis|hinweis|anhalt) (von|auf|fuer|für|einer|eines)?",
        "(ausschluss|frei von)",
    ),
    "deny_before": (
        f"{_BE}? (not|no longer|never) (been|be)? (clearly|definitely|significantly|currently|obviously)? {_SEEN}",
        f"({_BE})? (not|no longer|never) (been|be|any longer)? {_SEEN}",
        f"cannot be {_SEEN}",
        f"(wasn't|weren't|isn't|aren't|hasn't been|haven't been) {_SEEN}",
        f"not (any longer)? {_SEEN}",
        f"no longer {_SEEN}",
        "(is|are|was|were) (absent|negative|excluded|ruled out|unlikely|lacking)",
        "(has|have|had)? (since)? (been)? (completely|totally|fully|interval|almost completely)? (resolved|cleared|disappeared|vanished|removed)",
        "(has|have|had|is|are|was|were)? (been)? (completely|totally|fully) (regressed|lost|evacuated)",
        "has been lost",
        "have been lost",
        "show complete (regression|resolution)",
        "is no longer",
        "are no longer",
        ": (no|none|absent|negative|nil|not seen|not present|nein) (;|,|.)",
        "(nicht|nicht mehr) (nachweisbar|abgrenzbar|erkennbar|sichtbar|zu sehen|vorhanden)",
        "(ausgeschlossen|unwahrscheinlich)",
    ),
    "doubt_after": (
        "(possible|possibly|probable|probably|perhaps|presumably|presumed|presumptive)",
        "(may|might|could|would) (well)? (also)? (be|represent|reflect|indicate|suggest|relate to|be related to|be due to|be compatible with)?",
        "may",
        "might",
        "(likely|most likely|more likely)",
        "(suspicious|suspicion|concern|concerning|worrisome|questionable|equivocal|indeterminate) (for|of|about|in terms of)",
        "(questionable|question|question of|equivocal|suspected|suspect|suspicious)",
        "(cannot|can not|could not|can't|not|unable to|difficult to|hard to) (be|been|completely|entirely|definitely)? (exclude|excluded|rule out|ruled out)",
        "(rule|r) (out|o)",
        "(versus|vs)",
        "(differential|differential diagnosis|differential diagnoses|differential considerations|ddx)"
        " (includes|include|including|would include|:|is|are|of|considerations include)?",
        "(not certain|uncertain|unclear|unsure) (if|whether|for)?",
        "(verdacht auf|v a|möglich|moeglich|möglicherweise|fraglich|fragliche|fraglicher|fragliches|dd|am ehesten|wahrscheinlich)",
        "(nicht|nicht sicher) (ausgeschlossen|auszuschließen|auszuschliessen)",
    ),
    "doubt_before": (
        "(cannot|can not|could not|can't|not) (be)? (completely|entirely|definitely|definitively|totally|fully)? (excluded|ruled out)",
        "(is|are|was|were|remains|remain)? not (completely|entirely)? (excluded|ruled out)",
        "(difficult|hard|impossible|unable) to (exclude|rule out|completely exclude|entirely exclude)",
        "(is|are|remains|remain|also|would be)? (possible|probable|questionable|equivocal|suspected|likely|a possibility|a consideration)",
        "(may|might|could|should|can) (also)? be (considered|present|possible|suspected|excluded)",
        "(is|are)? (in|included in|considered in|among) (the)? differential (diagnosis)?",
        "in the differential (diagnosis)?",
        "(versus|vs)",
        "(nicht|nicht sicher) (ausgeschlossen|auszuschließen|auszuschliessen)",
    ),
    "past_after": (
        "(history|hx|h o|past history|past medical history|known history|personal history|family history|medical history) (of)?",
        "(anamnese|anamnestisch|z n|zustand nach)",
    ),
    "aside_after": (
        "if",
        "(clinical)? (concern|question|indication) (:|of)",
        "(evaluate|evaluation|evaluated|assess|assessed|assessment|follow up|followup|surveillance|screening|workup|work up|search) for",
        "to (exclude|rule out|evaluate for|assess for|look for|confirm)",
        "(recommended|advised|suggested) (to)? (exclude|rule out|confirm)",
        "(risk|risk factors|predisposition) (of|for)",
        "(should|return if|in case of)",
        "(mask|masking|obscure|obscuring|simulate|simulating|mimic|mimicking)",
    ),
    "nothing": (
        "no (significant|definite|substantial|appreciable|obvious|major|gross|marked|interval|further|relevant)? (interval)?"
        " (change|changes|difference|differences|increase|progression|growth|enlargement|decrease|regression|improvement)"
        " (in|of|from|since|is|was|were|has|have)?",
        "no longer than",
        "not (only|just|merely|necessarily)",
        "not (significantly|substantially|markedly|appreciably)? (changed|increased|decreased|different|progressed|enlarged since)",
        "without (any)? (significant|interval|substantial)? (change|changes|difference|increase|progression|growth|improvement)",
        "(not|without) (optimal|optimally|clearly evaluated|evaluated optimally)",
        "(cannot|could not|can not) (be)? (clearly|optimally|fully|adequately|clearly be)?"
        " (evaluated|assessed|characterized|differentiated|separated|distinguished from|measured|compared|performed)",
        "not (well|optimally|clearly|fully|adequately|completely)? (evaluated|assessed|characterized|performed|included|imaged|compared|measured)",
        "no doubt",
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
        "(but|however|although|though|yet|whereas|while|nevertheless|nonetheless|still|otherwise)",
        "(except|excepting|apart from|aside from|other than|besides|save for|with the exception of|in addition to|rather than)",
        "(due to|because|because of|secondary to|owing to|as a result of|caused by|related to|in the setting of)",
        "(aber|jedoch|allerdings|sondern|außer|ausser|bei)",
        "(with|and) (a)? (new|stable|unchanged|persistent|residual)",
        "there (is|are|was|were)",
    ),
    "end_back": ("which", "(and|with) no", "and (there|the)", "(where|in which)", "compared (to|with)"),
}
