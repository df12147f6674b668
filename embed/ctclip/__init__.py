"""CT-CLIP (Hamamci et al., arXiv:2403.17834) as plain torch modules: the published arithmetic and the published names of weights."""

from .config import PUBLISHED, BertConfig, CTCLIPConfig
from .model import CTCLIP

__all__ = ["CTCLIP", "PUBLISHED", "BertConfig", "CTCLIPConfig"]
