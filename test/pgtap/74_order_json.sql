-- An order as events show it: every member, whatever the session's time zone, whatever is in the texts.
BEGIN;
SELECT no_plan();
CREATE FUNCTION pg_temp.shown(
    p_reference text, p_customer text, p_metadata jsonb, p_seen bigint, p_paid_at timestamptz, p_previous text, p_deposits json
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_order usdtpay.payment_order;
BEGIN
    v_order.party_id := 2;
    v_order.order_id := 9223372036854775807;
    v_order.reference := p_reference;
    v_order.state := 'partially_paid';
    v_order.due := 10000000;
    v_order.seen := p_seen;
    v_order.final := 9223372036854775807;
    v_order.excess := 0;
    v_order.overpaid := false;
    v_order.late := true;
    v_order.multiple := false;
    v_order.manual := true;
    v_order.customer_ref := p_customer;
    v_order.metadata := p_metadata;
    v_order.created_at := '2026-01-01 00:00:00+00';
    v_order.expires_at := '2026-07-01 12:34:56.789012+00';
    v_order.paid_at := p_paid_at;
    RETURN usdtpay_internal.order_json(v_order, p_previous, p_deposits)::jsonb;
END;
$$;

SELECT is(
    pg_temp.shown('A-1', NULL, NULL, 1, NULL, 'pending', NULL),
    '{"object": "order", "id": 9223372036854775807, "reference": "A-1", "state": "partially_paid", "previous_state": "pending",
      "asset": "USDT", "amount_due": "10.000000", "amount_seen": "0.000001", "amount_final": "9223372036854.775807",
      "amount_excess": "0.000000", "overpaid": false, "late": true, "multiple": false, "manual": true, "customer_ref": null,
      "metadata": null, "created_at": "2026-01-01T00:00:00+00:00", "expires_at": "2026-07-01T12:34:56.789012+00:00",
      "paid_at": null, "deposits": null}'::jsonb,
    'every member'
);
SELECT is(
    pg_temp.shown('A-1', NULL, NULL, 1, 'infinity', NULL, NULL) ->> 'paid_at', 'infinity', 'an infinite time'
);
SELECT is(
    pg_temp.shown('A-1', NULL, NULL, 1, NULL, NULL, NULL) -> 'previous_state', 'null', 'no state before'
);
SELECT is(
    pg_temp.shown(E'quote " slash \\ tab \t line \n end', 'é 漢 😀 </script>', NULL, 1, NULL, 'pending', NULL) ->> 'reference',
    E'quote " slash \\ tab \t line \n end', 'what JSON must escape comes back'
);
SELECT is(
    pg_temp.shown('A-1', 'é 漢 😀 </script>', NULL, 1, NULL, 'pending', NULL) ->> 'customer_ref', 'é 漢 😀 </script>',
    'and what it need not'
);
SELECT is(
    pg_temp.shown('A-1', NULL, '{"a": [1.50, null, {"b": "\" x"}], "long": 1}', 1, NULL, 'pending', '[{"id": 1}]') #> '{metadata,a}',
    '[1.50, null, {"b": "\" x"}]', 'metadata comes back as it was'
);
SELECT is(
    pg_temp.shown('A-1', NULL, NULL, 1, NULL, 'pending', '[{"id": 1}]') -> 'deposits', '[{"id": 1}]', 'deposits stand as given'
);
SELECT is(
    pg_temp.shown('A-1', NULL, to_jsonb(repeat('x', 100000)), 1, NULL, 'pending', NULL) ->> 'metadata', repeat('x', 100000), 'however long'
);
SET LOCAL timezone = 'Asia/Kathmandu';
SET LOCAL datestyle = 'German, DMY';
SELECT is(
    pg_temp.shown('A-1', NULL, NULL, 1, '2026-07-01 12:00:00+00', 'pending', NULL) ->> 'paid_at', '2026-07-01T12:00:00+00:00',
    'times are in UTC, whatever the session uses'
);
SELECT is(usdtpay_internal.order_json(NULL, 'pending', NULL), NULL, 'no order, nothing to show');
SELECT * FROM finish();
ROLLBACK;
