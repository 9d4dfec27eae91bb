-- SPDX-License-Identifier: MPL-2.0
-- A small shop of reusable containers, as another system kept it: what `rentbus import` reads.
CREATE TABLE users(id TEXT NOT NULL PRIMARY KEY, name TEXT);
CREATE TABLE assets(id TEXT NOT NULL PRIMARY KEY, asset_type TEXT NOT NULL);
CREATE TABLE rentals(
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    asset_id TEXT NOT NULL,
    created_at_location_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    status TEXT NOT NULL,
    eligible_asset_types JSON DEFAULT('[]'),
    returned_at_location_id TEXT,
    returned_at TEXT
);

INSERT INTO users VALUES
    ('tpg_u0001', 'Ada L.'),
    ('tpg_u0002', 'Björn K.'),
    ('tpg_u0003', 'Chidi A.'),
    ('tpg_u0004', NULL),
    ('tpg_u0005', 'Emma O''Neil');

-- tpg_a00001 to tpg_a00050, the five types in turn.
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 50)
INSERT INTO assets
SELECT printf('tpg_a%05d', n),
       CASE n % 5
           WHEN 1 THEN 'clamshell'
           WHEN 2 THEN 'large-bowl'
           WHEN 3 THEN 'small-bowl'
           WHEN 4 THEN 'mug'
           ELSE '3-compartment'
       END
FROM number;

INSERT INTO rentals VALUES
    ('2152d14c-708d-4053-9f3f-246fd472f1aa', 'tpg_u0001', 'tpg_a00001', 'topanga-location-01',
     '2025-02-05T12:00:00+00:00', '2025-02-15T12:00:00+00:00', 'IN_PROGRESS',
     '["3-compartment", "clamshell"]', NULL, NULL),
    ('814404a3-89bf-4df1-b2f3-8d92acaf6b40', 'tpg_u0001', 'tpg_a00002', 'topanga-location-01',
     '2025-02-07T12:00:00+00:00', '2025-02-14T12:00:00+00:00', 'IN_PROGRESS',
     '["large-bowl", "small-bowl"]', NULL, NULL),
    ('23e4d41e-78db-444f-b2c7-b96ed58fb14a', 'tpg_u0002', 'tpg_a00010', 'topanga-location-02',
     '2025-02-02T12:00:00+00:00', '2025-02-17T12:00:00+00:00', 'COMPLETED',
     '["3-compartment", "clamshell"]', 'topanga-location-01', '2025-02-09T12:00:00+00:00'),
    ('cf13bd77-7921-46b5-bfd1-1a2faa0686ea', 'tpg_u0002', 'tpg_a00015', 'topanga-location-01',
     '2025-02-09T12:00:00+00:00', '2025-02-14T12:00:00+00:00', 'IN_PROGRESS',
     '["3-compartment", "clamshell"]', NULL, NULL),
    ('135f1903-b275-4e7a-b940-638d632c5d28', 'tpg_u0003', 'tpg_a00020', 'topanga-location-03',
     '2025-02-08T12:00:00+00:00', '2025-02-14T12:00:00+00:00', 'IN_PROGRESS',
     '["3-compartment", "clamshell"]', NULL, NULL),
    ('e97ac892-32ff-419d-9cc3-993e3e7d9ccc', 'tpg_u0004', 'tpg_a00025', 'topanga-location-01',
     '2025-02-04T12:00:00+00:00', '2025-02-14T12:00:00+00:00', 'IN_PROGRESS',
     '["3-compartment", "clamshell"]', NULL, NULL),
    ('273d6fa9-b333-45d8-9763-4e4bfd02da14', 'tpg_u0004', 'tpg_a00030', 'topanga-location-02',
     '2025-02-06T12:00:00+00:00', '2025-02-14T12:00:00+00:00', 'COMPLETED',
     '["3-compartment", "clamshell"]', 'topanga-location-01', '2025-02-08T12:00:00+00:00'),
    ('ab0a9959-3f74-4029-97e7-d1c46500f4ab', 'tpg_u0005', 'tpg_a00035', 'topanga-location-03',
     '2025-02-03T12:00:00+00:00', '2025-02-13T12:00:00+00:00', 'IN_PROGRESS',
     '["3-compartment", "clamshell"]', NULL, NULL),
    ('1503a01f-8679-45db-af45-6c41a011f483', 'tpg_u0005', 'tpg_a00040', 'topanga-location-01',
     '2025-02-07T12:00:00+00:00', '2025-02-14T12:00:00+00:00', 'IN_PROGRESS',
     '["3-compartment", "clamshell"]', NULL, NULL),
    ('410dbabe-ef6a-48e0-a5f8-ad6b402d21fe', 'tpg_u0005', 'tpg_a00045', 'topanga-location-02',
     '2025-02-01T12:00:00+00:00', '2025-02-13T12:00:00+00:00', 'COMPLETED',
     '["3-compartment", "clamshell"]', 'topanga-location-03', '2025-02-07T12:00:00+00:00');
