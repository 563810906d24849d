-- The house rules that the catalog can see, over every object of the extension.
LOAD 'plpgsql_check'; -- newer ones want to be there before PL/pgSQL has begun
BEGIN;
SELECT plan(13);

CREATE TEMP VIEW member AS
	SELECT d.classid, d.objid
	  FROM pg_depend d
	  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'usdtpay'
	 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';
CREATE TEMP VIEW routine AS
	SELECT p.*, l.lanname
	  FROM member m
	  JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
	  JOIN pg_language l ON l.oid = p.prolang;
CREATE TEMP VIEW relation AS
	SELECT c.* FROM member m
	  JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass;

SELECT is(
	(SELECT array_agg(n.nspname::text ORDER BY n.nspname) FROM pg_namespace n
	  WHERE n.nspname LIKE 'usdtpay%'),
	ARRAY['usdtpay', 'usdtpay_internal'], 'there are two schemas');

SELECT is_empty(
	$$SELECT pg_describe_object(classid, objid, 0) FROM member
	   WHERE obj_description(objid, classid::regclass::name) IS NULL
	     AND classid NOT IN ('pg_cast'::regclass, 'pg_language'::regclass)
	     AND NOT (classid = 'pg_type'::regclass AND EXISTS (
	           SELECT FROM pg_type t WHERE t.oid = objid
	              AND (t.typtype = 'b' OR t.typrelid IN (SELECT oid FROM relation))))
	     AND NOT (classid = 'pg_class'::regclass
	          AND objid IN (SELECT oid FROM relation WHERE relkind IN ('S', 'i')))$$,
	'every object has a comment');

SELECT is_empty(
	$$SELECT c.oid::regclass, a.attname FROM relation c
	    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	   WHERE c.relkind IN ('r', 'p') AND col_description(c.oid, a.attnum) IS NULL$$,
	'every column of every table has a comment');

SELECT is_empty(
	$$SELECT oid::regprocedure FROM routine
	   WHERE (lanname IN ('plpgsql', 'sql') AND prosqlbody IS NULL OR prosecdef)
	     AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$,
	'every routine with a late-bound body pins its search_path');

SELECT is_empty(
	$$SELECT pg_describe_object(m.classid, m.objid, 0)
	    FROM member m
	    LEFT JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
	    LEFT JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
	    LEFT JOIN pg_namespace n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid,
	         LATERAL aclexplode(CASE m.classid
	             WHEN 'pg_proc'::regclass THEN coalesce(p.proacl, acldefault('f', p.proowner))
	             WHEN 'pg_class'::regclass THEN coalesce(c.relacl, acldefault('r', c.relowner))
	             WHEN 'pg_namespace'::regclass THEN coalesce(n.nspacl, acldefault('n', n.nspowner))
	         END) a
	   WHERE a.grantee = 0$$,
	'PUBLIC has nothing');

SELECT is_empty(
	$$SELECT r.oid::regprocedure, c.lineno, c.level, c.message
	    FROM routine r, LATERAL plpgsql_check_function_tb(r.oid,
	         fatal_errors => false, other_warnings => true, extra_warnings => true,
	         performance_warnings => false, security_warnings => true) c
	   WHERE r.lanname = 'plpgsql' AND r.prorettype <> 'trigger'::regtype
	     AND c.level IN ('error', 'warning', 'warning extra', 'security')
	     -- a literal assigned to an array is cast once; that is all it says
	     AND c.message <> 'target type is different type than source type'$$,
	'plpgsql_check finds nothing');

SELECT is_empty(
	$$SELECT r.oid::regclass FROM relation r
	   WHERE r.relkind IN ('r', 'p', 'S') AND r.oid <> ALL (
	         SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'usdtpay')$$,
	'every table and sequence is dumped');

-- Restoring a dump fires triggers: one that writes would change what is restored.
SELECT is_empty(
	$$SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid
	   WHERE NOT t.tgisinternal AND (t.tgtype::integer & 1 = 1 OR t.tgfoid NOT IN (
	         'usdtpay_internal.append_only'::regproc, 'usdtpay_internal.settings_changed'::regproc))$$,
	'no trigger writes: they refuse or wake, statement by statement');

-- A tenant's rows live together: its key and whatever refers to it carry the party.  An address is
-- looked up by what a chain says, a login by its role; both stay on the coordinator.
CREATE TEMP VIEW tenant AS
	SELECT r.oid, a.attnum AS party FROM relation r
	  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attname = 'party_id' AND NOT a.attisdropped
	 WHERE r.relkind IN ('r', 'p');
SELECT is_empty(
	$$SELECT t.oid::regclass FROM tenant t
	    LEFT JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'p'
	   WHERE k.conkey[1] IS DISTINCT FROM t.party
	     AND t.oid NOT IN ('usdtpay.address'::regclass, 'usdtpay.party_login'::regclass)$$,
	'the primary key of every tenant table leads with party_id');
SELECT is_empty(
	$$SELECT k.conrelid::regclass, k.conname FROM pg_constraint k
	    JOIN relation r ON r.oid = k.conrelid
	    LEFT JOIN tenant c ON c.oid = k.conrelid
	    LEFT JOIN tenant p ON p.oid = k.confrelid AND k.confrelid <> 'usdtpay.party'::regclass
	   WHERE k.contype = 'f'
	     AND (c.oid IS NOT NULL AND (p.oid IS NULL OR NOT EXISTS (
	              SELECT FROM unnest(k.conkey, k.confkey) u (child, parent)
	               WHERE u.child = c.party AND u.parent = p.party))
	          OR c.oid IS NULL AND p.oid IS NOT NULL)$$,
	'a foreign key of a tenant table carries party_id and refers to a tenant table');
SELECT is_empty(
	$$WITH RECURSIVE edge AS (
	      SELECT k.conrelid AS child, k.confrelid AS parent FROM pg_constraint k
	        JOIN relation r ON r.oid = k.conrelid WHERE k.contype = 'f'
	  ), walk AS (
	      SELECT e.child, e.parent FROM edge e
	      UNION
	      SELECT w.child, e.parent FROM walk w JOIN edge e ON e.child = w.parent
	  )
	  SELECT child::regclass FROM walk WHERE child = parent$$,
	'foreign keys make no circle');

SELECT lives_ok('SELECT usdtpay.roles_setup()', 'the roles are set up');
SELECT is_empty(
	$$SELECT r.oid::regclass FROM relation r
	   WHERE r.relkind IN ('r', 'p') AND NOT r.relrowsecurity
	     AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attname = 'party_id')
	     AND EXISTS (SELECT FROM aclexplode(r.relacl) g
	          WHERE g.grantee IN ('usdtpay_merchant'::regrole, 'usdtpay_acceptor'::regrole))$$,
	'every table that tenants may read has row-level security');

SELECT * FROM finish();
ROLLBACK;
