/// Every statement on rows, prepared once.
///
/// Each is a search by primary key or index; a test asks SQLite for the plans of all that are
/// prepared.
struct Statements {
    /// The texts by name.
    enum Text {
        static let beginTransaction = "BEGIN IMMEDIATE"
        static let commit = "COMMIT"

        static let putSystem = "REPLACE INTO system VALUES(1,?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)"
        static let system = "SELECT * FROM system WHERE id=1"

        // Not REPLACE: the table has two unique keys, and a row must never vanish by the other.
        static let putTenant = """
            INSERT INTO tenants VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT(tenant) DO UPDATE SET \
            status=?3,quota_bytes=?4,quota_objects=?5,quota_buckets=?6
            """
        static let deleteTenant = "DELETE FROM tenants WHERE tenant=?1"
        static let putTenantUsage = "REPLACE INTO tenant_usage VALUES(?1,?2,?3,?4)"
        static let deleteTenantUsage = "DELETE FROM tenant_usage WHERE tenant=?1"
        static let tenantsAfter =
            "SELECT tenant FROM tenants WHERE name>?1 ORDER BY name LIMIT ?2"
        static let insertGrant = "INSERT INTO grants VALUES(?1,?2)"
        static let deleteGrant = "DELETE FROM grants WHERE tenant=?1 AND service=?2"
        static let grantsAfter =
            "SELECT service FROM grants WHERE tenant=?1 AND service>?2 ORDER BY service LIMIT ?3"

        static let bucketNamed =
            "SELECT bucket,name,tenant,created,epoch FROM buckets WHERE name=?1"
        static let bucketsFrom = """
            SELECT bucket,name,tenant,created,epoch FROM buckets \
            WHERE tenant=?1 AND name>=?2 AND name<?3 ORDER BY name LIMIT ?4
            """
        static let insertBucket = "INSERT INTO buckets VALUES(?1,?2,?3,?4,?5)"
        static let deleteBucket = "DELETE FROM buckets WHERE bucket=?1"
        static let bucketUsage = "SELECT objects,bytes FROM bucket_usage WHERE bucket=?1"
        static let putBucketUsage = "REPLACE INTO bucket_usage VALUES(?1,?2,?3)"
        static let deleteBucketUsage = "DELETE FROM bucket_usage WHERE bucket=?1"

        static let object = """
            SELECT sequence,size,etag,modified,body_hash FROM objects WHERE bucket=?1 AND key=?2
            """
        static let putObject = "REPLACE INTO objects VALUES(?1,?2,?3,?4,?5,?6,?7,?8)"
        static let deleteObject = "DELETE FROM objects WHERE bucket=?1 AND key=?2"
        static let keyAhead = """
            SELECT key FROM objects WHERE bucket=?1 AND key>=?2 ORDER BY key LIMIT 1 OFFSET ?3
            """
        // Without OR FAIL, SQLite would copy each page first, to undo half a statement: what fails here
        // is undone with the transaction.
        static let rewriteObjects = """
            UPDATE OR FAIL objects SET sequence=new_value(2),size=new_value(3),etag=new_value(4),\
            modified=new_value(5),body_hash=new_value(6),body=new_value(7) \
            WHERE bucket=?1 AND key>=?2 AND key<=?3 AND stops_at(key)
            """
        // `stops_at` is shown rows of the bucket from the key on alone, in their order (StoreTests
        // look at the plan). It knows where the range ends: SQLite would compare the whole place of
        // each row.
        static let scanObjects = """
            SELECT 1 FROM objects WHERE bucket=?1 AND key>=?2 \
            AND stops_at(key,sequence,size,etag,modified) ORDER BY key
            """
        static let wholeObject = """
            SELECT sequence,size,etag,modified,body_hash,body FROM objects \
            WHERE bucket=?1 AND key=?2
            """

        static let putSession = "REPLACE INTO sessions VALUES(?1,?2,?3,?4)"
        static let deleteSession = "DELETE FROM sessions WHERE session=?1"
        static let slot = """
            SELECT sequence,command_hash,refusal,number,change FROM slots \
            WHERE session=?1 AND slot=?2
            """
        static let slotsOfSession = """
            SELECT slot,sequence,command_hash,refusal,number,change FROM slots \
            WHERE session=?1 ORDER BY slot
            """
        static let putSlot = "REPLACE INTO slots VALUES(?1,?2,?3,?4,?5,?6,?7)"
        static let deleteSlots = "DELETE FROM slots WHERE session=?1"

        // Whole tables, in the order of their keys: at the start and to recompute the digest.
        static let allTenants = "SELECT * FROM tenants ORDER BY tenant"
        static let allTenantUsage = "SELECT * FROM tenant_usage ORDER BY tenant"
        static let allGrants = "SELECT * FROM grants ORDER BY tenant,service"
        static let allBuckets = "SELECT * FROM buckets ORDER BY bucket"
        static let allBucketUsage = "SELECT * FROM bucket_usage ORDER BY bucket"
        static let allSessions = "SELECT * FROM sessions ORDER BY session"
        static let allSlots = "SELECT * FROM slots ORDER BY session,slot"

        // Objects in slices.
        static let objectsBehind = """
            SELECT * FROM objects WHERE (bucket,key)>(?1,?2) ORDER BY bucket,key LIMIT ?3
            """
    }

    let begin, commit, putSystem, system: Statement
    let putTenant, deleteTenant, putTenantUsage, deleteTenantUsage, tenantsAfter: Statement
    let insertGrant, deleteGrant, grantsAfter: Statement
    let bucketNamed, bucketsFrom, insertBucket, deleteBucket: Statement
    let bucketUsage, putBucketUsage, deleteBucketUsage: Statement
    let object, putObject, deleteObject, scanObjects, wholeObject: Statement
    let keyAhead, rewriteObjects: Statement
    let putSession, deleteSession, slot, slotsOfSession, putSlot, deleteSlots: Statement

    /// Prepares all of them.
    init(_ connection: Connection) throws(StateMachineError) {
        func prepare(_ text: String) throws(StateMachineError) -> Statement {
            try Statement(text, on: connection)
        }
        begin = try prepare(Text.beginTransaction)
        commit = try prepare(Text.commit)
        putSystem = try prepare(Text.putSystem)
        system = try prepare(Text.system)
        putTenant = try prepare(Text.putTenant)
        deleteTenant = try prepare(Text.deleteTenant)
        putTenantUsage = try prepare(Text.putTenantUsage)
        deleteTenantUsage = try prepare(Text.deleteTenantUsage)
        tenantsAfter = try prepare(Text.tenantsAfter)
        insertGrant = try prepare(Text.insertGrant)
        deleteGrant = try prepare(Text.deleteGrant)
        grantsAfter = try prepare(Text.grantsAfter)
        bucketNamed = try prepare(Text.bucketNamed)
        bucketsFrom = try prepare(Text.bucketsFrom)
        insertBucket = try prepare(Text.insertBucket)
        deleteBucket = try prepare(Text.deleteBucket)
        bucketUsage = try prepare(Text.bucketUsage)
        putBucketUsage = try prepare(Text.putBucketUsage)
        deleteBucketUsage = try prepare(Text.deleteBucketUsage)
        object = try prepare(Text.object)
        putObject = try prepare(Text.putObject)
        deleteObject = try prepare(Text.deleteObject)
        scanObjects = try prepare(Text.scanObjects)
        wholeObject = try prepare(Text.wholeObject)
        keyAhead = try prepare(Text.keyAhead)
        rewriteObjects = try prepare(Text.rewriteObjects)
        putSession = try prepare(Text.putSession)
        deleteSession = try prepare(Text.deleteSession)
        slot = try prepare(Text.slot)
        slotsOfSession = try prepare(Text.slotsOfSession)
        putSlot = try prepare(Text.putSlot)
        deleteSlots = try prepare(Text.deleteSlots)
    }
}
