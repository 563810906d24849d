-- A merchant on a TRON network that no worker scans.  Variables: xpub, token.
SELECT usdtpay.merchant_create('shop', 'The shop');
SELECT usdtpay.wallet_add('main', 'xpub', 'tron', :'xpub', p_party => 'platform');
SELECT usdtpay.network_define('tron', 'tron', 1, :'token', p_block_ms => 3000);
UPDATE usdtpay.network SET enabled = true WHERE code = 'tron';
