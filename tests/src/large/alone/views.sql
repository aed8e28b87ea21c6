-- Saved views from $1 on and before $2 of whoever has a key that is nobody else's, as one who asks has.
INSERT INTO saved_view (id, owner_id, page, name, query, created_by)
SELECT gen_random_uuid(), k.id, (ARRAY['runs', 'resources', 'applications'])[1 + n % 3], 'what failed, ' || lpad(n::text, 5, '0'),
       'status=failed', 'seed'
FROM generate_series($1::bigint, $2::bigint - 1) n, api_key k
WHERE k.person_id IS NULL AND k.service_account_id IS NULL AND NOT k.name ^@ 'seed-key-'
