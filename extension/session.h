/* SPDX-License-Identifier: PostgreSQL
 *
 * session.h: the role a session is judged by.
 */
#ifndef USDTPAY_SESSION_H
#define USDTPAY_SESSION_H

/* Set while foreign code runs as a role (hooks); everything asks usdtpay_session_outer(). */
extern Oid usdtpay_session_override;
extern Oid usdtpay_session_outer(void);

/* The party that role acts for, -1 for none; call it with the rights of the extension's owner. */
extern int64 usdtpay_session_party_id(void);

#endif
