-- Plain CREATE: a schema somebody squatted makes the installation fail.
CREATE SCHEMA usdtpay;
COMMENT ON SCHEMA usdtpay IS 'usdtpay: the API (functions, views) and the tables people may read';
CREATE SCHEMA usdtpay_internal;
COMMENT ON SCHEMA usdtpay_internal IS 'usdtpay: queues, secrets and helpers; nothing here is for people';
