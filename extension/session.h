/* SPDX-License-Identifier: PostgreSQL
 *
 * session.h: the role a session is judged by.
 */
#ifndef USDTPAY_SESSION_H
#define USDTPAY_SESSION_H

/* Set while foreign code runs as a role (hooks); everything asks usdtpay_session_outer(). */
extern Oid usdtpay_session_override;
extern Oid usdtpay_session_outer(void);

#endif
