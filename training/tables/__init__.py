"""The papers' tables, our value beside the paper's."""
