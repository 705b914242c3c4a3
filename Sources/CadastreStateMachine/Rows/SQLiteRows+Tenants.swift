internal import CadastreProtocol

/// Tenants, their usage, and grants: all in memory, since the door needs them for every request.
extension SQLiteRows {
    func tenant(_ id: TenantID) -> TenantRow? { tenantRows[id] }

    func tenant(named name: [UInt8]) -> TenantRow? {
        access.tenants[name].flatMap { tenantRows[$0.id] }
    }

    var tenantCount: Int { tenantRows.count }

    func tenants(after: [UInt8], maximum: Int) throws(StateMachineError) -> [TenantRow] {
        let statement = statements.tenantsAfter
        statement.bind(1, after)
        statement.bind(2, UInt64(maximum))
        defer { statement.reset() }
        var rows: [TenantRow] = []
        while try statement.step() {
            guard let row = tenantRows[TenantID(statement.integer(0))] else {
                throw .damaged("tenant \(statement.integer(0)) is not in memory")
            }
            rows.append(row)
        }
        return rows
    }

    func put(_ row: TenantRow, replacing old: TenantRow?) throws(StateMachineError) {
        try beginWriting()
        let statement = statements.putTenant
        statement.bind(1, row.id.value)
        statement.bind(2, row.name)
        statement.bind(3, UInt64(row.status.rawValue))
        statement.bind(4, row.quota.bytes)
        statement.bind(5, row.quota.objects)
        statement.bind(6, row.quota.buckets)
        statement.bind(7, row.created)
        try statement.run()
        wrote(bytes: row.name.count)
        replace(old, by: row)
        tenantRows[row.id] = row
        access.tenants[row.name] = AccessView.Tenant(id: row.id, status: row.status)
        access.version += 1
    }

    func delete(_ row: TenantRow) throws(StateMachineError) {
        try beginWriting()
        statements.deleteTenant.bind(1, row.id.value)
        try statements.deleteTenant.run()
        wrote(bytes: 0)
        replace(row, by: nil)
        tenantRows[row.id] = nil
        access.tenants[row.name] = nil
        access.version += 1
    }

    func usage(of tenant: TenantID) -> TenantUsageRow? { tenantUsages[tenant]?.row }

    func put(_ row: TenantUsageRow, replacing old: TenantUsageRow?) throws(StateMachineError) {
        replace(old, by: row)
        objectCount = objectCount &- (old?.objects ?? 0) &+ row.objects
        if tenantUsages.update(Cached(row: row, isDirty: true), of: row.tenant)?.isDirty != true {
            dirtyTenantUsages.append(row.tenant)
            dirtyRows += 1
        }
    }

    func delete(_ row: TenantUsageRow) throws(StateMachineError) {
        try beginWriting()
        statements.deleteTenantUsage.bind(1, row.tenant.value)
        try statements.deleteTenantUsage.run()
        wrote(bytes: 0)
        replace(row, by: nil)
        objectCount &-= row.objects
        tenantUsages[row.tenant] = nil
    }

    func isGranted(_ row: GrantRow) -> Bool {
        access.grants[row.service]?.contains(row.tenant) == true
    }

    func grants(
        of tenant: TenantID,
        after: [UInt8],
        maximum: Int
    ) throws(StateMachineError) -> [GrantRow] {
        let statement = statements.grantsAfter
        statement.bind(1, tenant.value)
        statement.bind(2, after)
        statement.bind(3, UInt64(maximum))
        defer { statement.reset() }
        var rows: [GrantRow] = []
        while try statement.step() {
            rows.append(GrantRow(tenant: tenant, service: statement.bytes(0)))
        }
        return rows
    }

    func insert(_ row: GrantRow) throws(StateMachineError) {
        try beginWriting()
        statements.insertGrant.bind(1, row.tenant.value)
        statements.insertGrant.bind(2, row.service)
        try statements.insertGrant.run()
        wrote(bytes: row.service.count)
        replace(nil, by: row)
        access.grants[row.service, default: []].insert(row.tenant)
        access.version += 1
    }

    func delete(_ row: GrantRow) throws(StateMachineError) {
        try beginWriting()
        statements.deleteGrant.bind(1, row.tenant.value)
        statements.deleteGrant.bind(2, row.service)
        try statements.deleteGrant.run()
        wrote(bytes: 0)
        replace(row, by: nil)
        access.grants[row.service]?.remove(row.tenant)
        if access.grants[row.service]?.isEmpty == true { access.grants[row.service] = nil }
        access.version += 1
    }

    /// Writes a usage that was only in memory.
    func write(_ row: TenantUsageRow) throws(StateMachineError) {
        let statement = statements.putTenantUsage
        statement.bind(1, row.tenant.value)
        statement.bind(2, row.buckets)
        statement.bind(3, row.objects)
        statement.bind(4, row.bytes)
        try statement.run()
    }

    /// The row under a `SELECT *`.
    func tenantRow(_ statement: Statement) throws(StateMachineError) -> TenantRow {
        guard let number = UInt8(exactly: statement.integer(2)),
            let status = TenantStatus(rawValue: number)
        else { throw .damaged("tenant \(statement.integer(0)) has no known status") }
        return TenantRow(
            id: TenantID(statement.integer(0)),
            name: statement.bytes(1),
            status: status,
            quota: Quota(
                bytes: statement.optionalInteger(3),
                objects: statement.optionalInteger(4),
                buckets: statement.optionalInteger(5)
            ),
            created: statement.integer(6)
        )
    }

    /// The row under a `SELECT *`.
    func tenantUsageRow(_ statement: Statement) -> TenantUsageRow {
        TenantUsageRow(
            tenant: TenantID(statement.integer(0)),
            buckets: statement.integer(1),
            objects: statement.integer(2),
            bytes: statement.integer(3)
        )
    }
}
