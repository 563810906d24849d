-- What batch.sql counted, per second; nothing when a journal was not posted.
SELECT CASE WHEN :count > 0 AND :count % 10000 = 0 THEN :count / :seconds END;
