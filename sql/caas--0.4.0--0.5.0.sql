\echo Use "ALTER EXTENSION caas UPDATE TO '0.5.0'" to load this file. \quit

-- ---- Blind indexes: docs/spec.md, section 7 ----

COMMENT ON FUNCTION caas_blind_candidates(text, text, integer) IS
'Returns the blind index of a text under each distinct index key of the keyring: that of the active generation first, then newest first. Generations share the key that rotations carry on. column = ANY (caas_blind_candidates(..)) finds the value before, during and after a rotation. Errors: those of caas_blind_index';

COMMENT ON FUNCTION caas_blind_candidates(text, text, integer, text) IS
'Returns the blind index of a normalised text under each distinct index key, the active one first; an empty array when nothing remains of the text. Errors: those of caas_blind_index(text, text, integer, text)';

COMMENT ON FUNCTION caas_blind_candidates(bytea, text, integer) IS
'Returns the blind index of raw bytes under each distinct index key, the active one first. Errors: those of caas_blind_index';
