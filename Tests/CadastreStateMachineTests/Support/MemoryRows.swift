import CadastreProtocol
import CadastreStateMachine

/// Rows in arrays, without any cleverness: every look-up is a search through all of them, and the
/// digest is computed anew each time.
final class MemoryRows: Rows {
    var system = SystemRow()
    var tenantRows: [TenantRow] = []
    var tenantUsages: [TenantUsageRow] = []
    var grantRows: [GrantRow] = []
    var bucketRows: [BucketRow] = []
    var bucketUsages: [BucketUsageRow] = []
    var objectRows: [(row: ObjectRow, body: [UInt8])] = []
    var sessionRows: [SessionRow] = []
    var slotRows: [SlotRow] = []
    /// Tenants that are counted and not there.
    var pretendedTenants = 0

    var digest: StateDigest {
        var sum = system.digest(testKey)
        for row in tenantRows { sum += row.digest(testKey) }
        for row in tenantUsages { sum += row.digest(testKey) }
        for row in grantRows { sum += row.digest(testKey) }
        for row in bucketRows { sum += row.digest(testKey) }
        for row in bucketUsages { sum += row.digest(testKey) }
        for object in objectRows { sum += object.row.digest(testKey) }
        for row in sessionRows { sum += row.digest(testKey) }
        for row in slotRows { sum += row.digest(testKey) }
        return sum
    }

    var rowCount: Int {
        1 + tenantRows.count + tenantUsages.count + grantRows.count + bucketRows.count
            + bucketUsages.count + objectRows.count + sessionRows.count + slotRows.count
    }

    func tenant(_ id: TenantID) -> TenantRow? { tenantRows.first { $0.id == id } }
    func tenant(named name: [UInt8]) -> TenantRow? { tenantRows.first { $0.name == name } }
    var tenantCount: Int { pretendedTenants + tenantRows.count }
    func tenants(after: [UInt8], maximum: Int) -> [TenantRow] {
        Array(
            tenantRows.filter { after.lexicographicallyPrecedes($0.name) }
                .sorted { $0.name.lexicographicallyPrecedes($1.name) }.prefix(maximum)
        )
    }
    func put(_ row: TenantRow, replacing old: TenantRow?) {
        precondition(old == tenant(row.id), "the old row is not what is there")
        tenantRows.removeAll { $0.id == row.id }
        tenantRows.append(row)
    }
    func delete(_ row: TenantRow) { tenantRows.removeAll { $0 == row } }
    func usage(of tenant: TenantID) -> TenantUsageRow? {
        tenantUsages.first { $0.tenant == tenant }
    }
    func put(_ row: TenantUsageRow, replacing old: TenantUsageRow?) {
        precondition(old == usage(of: row.tenant), "the old row is not what is there")
        tenantUsages.removeAll { $0.tenant == row.tenant }
        tenantUsages.append(row)
    }
    func delete(_ row: TenantUsageRow) { tenantUsages.removeAll { $0 == row } }
    func isGranted(_ row: GrantRow) -> Bool { grantRows.contains(row) }
    func grants(of tenant: TenantID, after: [UInt8], maximum: Int) -> [GrantRow] {
        Array(
            grantRows.filter {
                $0.tenant == tenant && after.lexicographicallyPrecedes($0.service)
            }
            .sorted { $0.service.lexicographicallyPrecedes($1.service) }.prefix(maximum)
        )
    }
    func insert(_ row: GrantRow) { grantRows.append(row) }
    func delete(_ row: GrantRow) { grantRows.removeAll { $0 == row } }

    func bucket(named name: Span<UInt8>) -> BucketRow? {
        let name = name.copy(0..<name.count)
        return bucketRows.first { $0.name == name }
    }
    func buckets(
        of tenant: TenantID,
        prefix: [UInt8],
        after: [UInt8],
        maximum: Int
    ) -> [BucketRow] {
        Array(
            bucketRows.filter {
                $0.tenant == tenant && $0.name.starts(with: prefix)
                    && (after.isEmpty || after.lexicographicallyPrecedes($0.name))
            }
            .sorted { $0.name.lexicographicallyPrecedes($1.name) }.prefix(maximum)
        )
    }
    func insert(_ row: BucketRow) { bucketRows.append(row) }
    func delete(_ row: BucketRow) { bucketRows.removeAll { $0 == row } }
    func usage(of bucket: BucketID) -> BucketUsageRow? {
        bucketUsages.first { $0.bucket == bucket }
    }
    func put(_ row: BucketUsageRow, replacing old: BucketUsageRow?) {
        precondition(old == usage(of: row.bucket), "the old row is not what is there")
        bucketUsages.removeAll { $0.bucket == row.bucket }
        bucketUsages.append(row)
    }
    func delete(_ row: BucketUsageRow) { bucketUsages.removeAll { $0 == row } }

    func object(at place: HashedPlace) -> ObjectRow? {
        objectRows.first { $0.row.bucket.value == place.bucket && $0.row.key == place.key }?.row
    }
    func wholeObject(at place: HashedPlace) -> ObjectRecord? {
        objectRows.first { $0.row.bucket.value == place.bucket && $0.row.key == place.key }
            .flatMap { object in
                ObjectRecord(
                    object.row.key + object.row.etag + object.body,
                    keySize: object.row.key.count,
                    bodySize: object.body.count,
                    sequence: object.row.sequence,
                    size: object.row.size,
                    modified: object.row.modified
                )
            }
    }
    func put(_ row: ObjectRow, at place: HashedPlace, body: [UInt8], replacing old: ObjectRow?) {
        precondition(row.bucket.value == place.bucket && row.key == place.key, "another place")
        precondition(old == object(at: place), "the old row is another")
        objectRows.removeAll { $0.row.bucket == row.bucket && $0.row.key == row.key }
        var row = row
        var hasher = RowHasher(key: testKey, tag: 100)
        hasher.combine(body)
        row.bodyHash = hasher.finished64()
        objectRows.append((row, body))
    }
    func delete(_ row: ObjectRow, at place: HashedPlace) {
        precondition(row.bucket.value == place.bucket && row.key == place.key, "another place")
        objectRows.removeAll { $0.row == row }
    }
    func scanObjects(
        in bucket: BucketID,
        from start: [UInt8],
        to end: [UInt8]?,
        visit: (borrowing ScannedObject) -> ScanStep
    ) {
        var start = start
        let sorted = objectRows.map(\.row).filter { $0.bucket == bucket }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for row in sorted {
            if row.key.lexicographicallyPrecedes(start) { continue }
            if let end, !row.key.lexicographicallyPrecedes(end) { return }
            let step = row.key.withUnsafeBytes { key in
                row.etag.withUnsafeBytes { etag in
                    visit(
                        ScannedObject(
                            key: key,
                            sequence: row.sequence,
                            size: row.size,
                            etag: etag,
                            modified: row.modified
                        )
                    )
                }
            }
            switch step {
            case .next: break
            case .seek(let key): start = key
            case .stop: return
            }
        }
    }

    func session(_ id: UInt64) -> SessionRow? { sessionRows.first { $0.id == id } }
    var sessionCount: Int { sessionRows.count }
    func sessionCount(of holder: SessionHolder) -> Int {
        sessionRows.count { SessionHolder($0.principal) == holder }
    }
    func sessions(seenBefore time: UInt64, maximum: Int) -> [SessionRow] {
        Array(
            sessionRows.filter { $0.seen < time }
                .sorted { ($0.seen, $0.id) < ($1.seen, $1.id) }.prefix(maximum)
        )
    }
    func put(_ row: SessionRow, replacing old: SessionRow?) {
        precondition(old == session(row.id), "the old row is not what is there")
        sessionRows.removeAll { $0.id == row.id }
        sessionRows.append(row)
    }
    func delete(_ row: SessionRow) {
        sessionRows.removeAll { $0 == row }
        slotRows.removeAll { $0.session == row.id }
    }
    func slot(_ slot: UInt32, of session: UInt64) -> SlotRow? {
        slotRows.first { $0.session == session && $0.slot == slot }
    }
    func put(_ row: SlotRow, replacing old: SlotRow?) {
        precondition(old == slot(row.slot, of: row.session), "the old row is not what is there")
        slotRows.removeAll { $0.session == row.session && $0.slot == row.slot }
        slotRows.append(row)
    }
}
