-- Readers see one state of the database without waiting for writers. Wants ALTER on the database.
--/ batch
ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON;
