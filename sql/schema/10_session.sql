-- Who is asking: the functions row-level security and the API stand on.  They are C because they
-- must see the outer role (SET ROLE or the login) even inside SECURITY DEFINER functions.

CREATE FUNCTION usdtpay.session_party() RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'usdtpay_session_party';
COMMENT ON FUNCTION usdtpay.session_party() IS
'The party the session acts for: the one its role (SET ROLE, else the login) was bound to by party_login_grant; NULL when bound to none.';

CREATE FUNCTION usdtpay_internal.visible_from() RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'usdtpay_visible_from';
COMMENT ON FUNCTION usdtpay_internal.visible_from() IS
'Lowest party_id the session may read: its own party, or 0 for operators, analysts, compliance and workers. A range keeps policies indexable and free of subqueries.';

CREATE FUNCTION usdtpay_internal.visible_to() RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'usdtpay_visible_to';
COMMENT ON FUNCTION usdtpay_internal.visible_to() IS
'Highest party_id the session may read; below visible_from() when it may read nothing.';

CREATE FUNCTION usdtpay_internal.session_has_role(p_role text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'usdtpay_session_has_role';
COMMENT ON FUNCTION usdtpay_internal.session_has_role(text) IS
'Whether the outer role is a superuser or a member of the named role; false when that role does not exist.';

CREATE FUNCTION usdtpay_internal.session_role() RETURNS name
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'usdtpay_session_role';
COMMENT ON FUNCTION usdtpay_internal.session_role() IS
'The outer role: what SET ROLE chose, else the login; unchanged inside SECURITY DEFINER functions. While an on_paid hook runs it is the hook''s role.';

CREATE FUNCTION usdtpay_internal.turn_take(p_what text, p_id bigint, p_wait boolean DEFAULT true) RETURNS boolean
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'usdtpay_turn_take';
COMMENT ON FUNCTION usdtpay_internal.turn_take(text, bigint, boolean) IS
'Waits for, or with p_wait false asks for, the turn at something that has no row to lock; it is held until the transaction ends. Unlike an advisory lock nobody else can take it.';

CREATE FUNCTION usdtpay_internal.append_only() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_append_only';
COMMENT ON FUNCTION usdtpay_internal.append_only() IS
'Reject-only trigger of the append-only tables: raises UP302 on UPDATE, DELETE and TRUNCATE, writes nothing.';

CREATE FUNCTION usdtpay_internal.settings_changed() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_settings_changed';
COMMENT ON FUNCTION usdtpay_internal.settings_changed() IS
'Statement trigger of the few tables backends remember rows of: tells every backend at commit to look again. Writes nothing.';
