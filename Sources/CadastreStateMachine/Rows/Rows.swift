package import CadastreProtocol

/// What a scan of objects does after a row.
package enum ScanStep {
    /// Goes on to the next row.
    case next
    /// Goes on at the first key that is not below this one.
    case seek([UInt8])
    /// Ends.
    case stop
}

/// An object as a scan shows it: where it lies, and as long as it is shown.
@safe
package struct ScannedObject: ~Copyable {
    let key: UnsafeRawBufferPointer
    let sequence: UInt64
    let size: UInt64
    let etag: UnsafeRawBufferPointer
    let modified: UInt64

    /// Shows this object.
    package init(
        key: UnsafeRawBufferPointer,
        sequence: UInt64,
        size: UInt64,
        etag: UnsafeRawBufferPointer,
        modified: UInt64
    ) {
        unsafe self.key = key
        self.sequence = sequence
        self.size = size
        unsafe self.etag = etag
        self.modified = modified
    }
}

/// The state as commands and queries see it: typed tables to get from, put into, delete from and
/// scan in order.
///
/// Commands never speak SQL, so a layer of recent rows in memory above SQLite would be one more
/// implementation and change no command.
///
/// Whoever puts or deletes a row names the row that it replaces, as read before: so the digest
/// costs no second read. After an error nothing may be assumed but that the transaction is lost.
package protocol Rows: AnyObject {
    /// The counters of the whole state.
    var system: SystemRow { get set }

    // MARK: Tenants and grants

    /// The tenant with this number.
    func tenant(_ id: TenantID) -> TenantRow?
    /// The tenant with this name.
    func tenant(named name: [UInt8]) -> TenantRow?
    /// How many there are.
    var tenantCount: Int { get }
    /// Tenants behind this name, ascending by name.
    func tenants(after: [UInt8], maximum: Int) throws(StateMachineError) -> [TenantRow]
    /// Registers or replaces a tenant; name and number never change.
    func put(_ row: TenantRow, replacing old: TenantRow?) throws(StateMachineError)
    /// Removes a tenant.
    func delete(_ row: TenantRow) throws(StateMachineError)
    /// What the tenant holds; a tenant that exists has such a row.
    func usage(of tenant: TenantID) -> TenantUsageRow?
    /// Registers or replaces a tenant's usage.
    func put(_ row: TenantUsageRow, replacing old: TenantUsageRow?) throws(StateMachineError)
    /// Removes a tenant's usage.
    func delete(_ row: TenantUsageRow) throws(StateMachineError)
    /// Whether the service may act for the tenant.
    func isGranted(_ row: GrantRow) -> Bool
    /// Services that may act for the tenant, ascending by name.
    func grants(
        of tenant: TenantID,
        after: [UInt8],
        maximum: Int
    ) throws(StateMachineError) -> [GrantRow]
    /// Registers a grant that does not exist.
    func insert(_ row: GrantRow) throws(StateMachineError)
    /// Removes a grant that exists.
    func delete(_ row: GrantRow) throws(StateMachineError)

    // MARK: Buckets

    /// The bucket with this name, whosever it is.
    func bucket(named name: Span<UInt8>) throws(StateMachineError) -> BucketRow?
    /// Buckets of the tenant whose names are above `after` and begin with the prefix, ascending.
    func buckets(
        of tenant: TenantID,
        prefix: [UInt8],
        after: [UInt8],
        maximum: Int
    ) throws(StateMachineError) -> [BucketRow]
    /// Registers a bucket.
    func insert(_ row: BucketRow) throws(StateMachineError)
    /// Removes a bucket.
    func delete(_ row: BucketRow) throws(StateMachineError)
    /// What the bucket holds; a bucket that exists has such a row.
    func usage(of bucket: BucketID) throws(StateMachineError) -> BucketUsageRow?
    /// Registers or replaces a bucket's usage.
    func put(_ row: BucketUsageRow, replacing old: BucketUsageRow?) throws(StateMachineError)
    /// Removes a bucket's usage.
    func delete(_ row: BucketUsageRow) throws(StateMachineError)

    // MARK: Objects

    /// The object at this place.
    func object(at place: HashedPlace) throws(StateMachineError) -> ObjectRow?
    /// The object at this place and its body.
    func wholeObject(at place: HashedPlace) throws(StateMachineError) -> ObjectRecord?
    /// Registers or replaces an object at its place; the row's body hash is filled in here. The body
    /// is in the layout of ``ObjectBody``.
    func put(
        _ row: consuming ObjectRow,
        at place: HashedPlace,
        body: [UInt8],
        replacing old: ObjectRow?
    ) throws(StateMachineError)
    /// Removes an object with its body from its place.
    func delete(_ row: ObjectRow, at place: HashedPlace) throws(StateMachineError)
    /// Shows objects of the bucket in byte order of their keys, from `start` (inclusive) up to
    /// `end` (exclusive; nil: all), until the visitor stops.
    func scanObjects(
        in bucket: BucketID,
        from start: [UInt8],
        to end: [UInt8]?,
        visit: (borrowing ScannedObject) -> ScanStep
    ) throws(StateMachineError)

    // MARK: Sessions

    /// The session with this id.
    func session(_ id: UInt64) -> SessionRow?
    /// How many there are.
    var sessionCount: Int { get }
    /// How many this holder has.
    func sessionCount(of holder: SessionHolder) -> Int
    /// Sessions last seen before this time, the longest silent first, then ascending by id.
    func sessions(seenBefore time: UInt64, maximum: Int) -> [SessionRow]
    /// Registers or replaces a session; the principal never changes.
    func put(_ row: SessionRow, replacing old: SessionRow?) throws(StateMachineError)
    /// Removes a session with all its slots.
    func delete(_ row: SessionRow) throws(StateMachineError)
    /// The newest request of a slot; nil if there was none.
    func slot(_ slot: UInt32, of session: UInt64) throws(StateMachineError) -> SlotRow?
    /// Registers or replaces a slot's newest request.
    func put(_ row: SlotRow, replacing old: SlotRow?) throws(StateMachineError)
}

extension Rows {
    /// The bucket with this name, whosever it is.
    func bucket(named name: [UInt8]) throws(StateMachineError) -> BucketRow? {
        try bucket(named: name.span)
    }
}
