-- How an order is shown to a payer's wallet: what goes into the QR code.

CREATE OR REPLACE FUNCTION usdtpay.payment_forms(p_order bigint, p_party text DEFAULT NULL)
RETURNS TABLE (network text, form text, uri text, preferred boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
BEGIN
    RETURN QUERY
    SELECT f.network, f.form, f.uri, f.preferred
    FROM usdtpay_internal.payment_form_list(v_party, p_order) AS f
    ORDER BY f.network, f.preferred DESC, f.form;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such order, or nobody can pay it yet', DETAIL = format('Order is %s.', coalesce(p_order::text, 'NULL')),
            HINT = 'A draft gets its addresses with usdtpay.order_open; see usdtpay.order_list.';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay.payment_forms(bigint, text) IS
'Every way to show an order to a payer''s wallet, for a checkout page with a switch: on EVM networks the forms standard (ERC-681, which carries the amount) and address (bare); on TRON address (bare, which every wallet reads), tron (tron:<address>) and tron_amount (with amount and token). preferred marks one form per network: ERC-681, or what merchant_set(p_tron_uri) chose. The amount is what is still open. Errors: UP1xx, UP200.';

CREATE OR REPLACE FUNCTION usdtpay_internal.payment_form_list(p_party bigint, p_order bigint)
RETURNS TABLE (network text, family text, form text, uri text, preferred boolean)
LANGUAGE plpgsql STABLE -- which keeps its plan
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT o.network, o.family, f.form, f.uri, f.form = CASE o.family WHEN 'evm' THEN 'standard' ELSE m.tron_uri END
    FROM (
        SELECT DISTINCT ON (n.code)
            n.code AS network, n.family, n.chain_id, t.decimals, greatest(po.due - po.seen, 0) AS open,
            usdtpay.address_text(n.family, CASE n.family WHEN 'evm' THEN po.evm_address ELSE po.tron_address END) AS address,
            usdtpay.address_text(n.family, t.contract) AS contract
        FROM usdtpay.payment_order AS po
        JOIN usdtpay.network AS n ON n.network_id = ANY (po.networks)
        JOIN usdtpay.token AS t ON t.network_id = n.network_id AND t.asset_id = po.asset_id
        WHERE po.party_id = p_party AND po.order_id = p_order
        ORDER BY n.code, t.token_id
    ) AS o
    JOIN usdtpay.merchant AS m ON m.party_id = p_party
    CROSS JOIN LATERAL (
        VALUES
            (NULL, 'address', o.address),
            ('evm', 'standard', format(
                'ethereum:%s@%s/transfer?address=%s&uint256=%s',
                o.contract, o.chain_id, o.address, ceil(o.open * 10::numeric ^ (o.decimals - 6))
            )),
            ('tron', 'tron', format('tron:%s', o.address)),
            ('tron', 'tron_amount', format(
                'tron:%s?amount=%s&token=%s', o.address, trim_scale(usdtpay_internal.units6(o.open)), o.contract
            ))
    ) AS f (family, form, uri)
    WHERE o.address IS NOT NULL AND (f.family IS NULL OR f.family = o.family);
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.payment_form_list(bigint, bigint) IS
'The forms in which an order''s payment can be asked for, on each of its networks: name, text, and whether it is what payment_uri calls standard. The amount is what is still open. No row when nobody can pay it yet.';

CREATE OR REPLACE FUNCTION usdtpay.payment_uri(
    p_order bigint, p_network text, p_form text DEFAULT 'standard', p_party text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
    v_family text;
    v_uri text;
BEGIN
    SELECT min(f.family), min(f.uri) FILTER (WHERE CASE p_form WHEN 'standard' THEN f.preferred ELSE f.form = p_form END)
    INTO v_family, v_uri
    FROM usdtpay_internal.payment_form_list(v_party, p_order) AS f WHERE f.network = p_network;
    IF v_family IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such order on that network', DETAIL = format('Order is %s, network "%s".', p_order, left(p_network, 100)),
            HINT = 'See usdtpay.payment_option for the networks of an order.';
    END IF;
    IF v_uri IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'no such form of a payment URI', DETAIL = format('Form is "%s", family %s.', left(p_form, 100), v_family),
            HINT = 'Forms are standard and address; on TRON also tron and tron_amount.';
    END IF;
    RETURN v_uri;
END;
$$;
COMMENT ON FUNCTION usdtpay.payment_uri(bigint, text, text, text) IS
'What to put into the QR code of an order on a network. Form standard is ERC-681 on EVM and on TRON what merchant_set(p_tron_uri) chose, the bare address unless changed; address is the bare address, which every wallet reads; tron is tron:<address>; tron_amount adds amount and token for the wallets that read them. The amount is what is still open. payment_forms lists all of them at once. Errors: UP000, UP1xx, UP200.';
