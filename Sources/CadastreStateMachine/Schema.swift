internal import RaftCore

/// The tables, by number: a database says which number it has, and `migrations` bring it further,
/// one after the other, in the transaction that opens it.
///
/// A row's layout in the digest is in ``DigestedRow``; it does not follow from the tables.
enum Schema {
    /// The number of the newest schema.
    static var newest: Int { migrations.count }

    /// Marks the file as ours: "CDST".
    static let applicationID = 0x4344_5354

    /// What brings a database from number n to n + 1, at place n.
    ///
    /// Never changed once released.
    static let migrations: [[String]] = [first, bodiesWithObjects]

    /// The table of objects since number 2.
    ///
    /// The body is the last column: a row is one place to write, and lists read what lies before.
    private static let objects = """
        CREATE TABLE objects(
            bucket INTEGER NOT NULL, key BLOB NOT NULL, sequence INTEGER NOT NULL,
            size INTEGER NOT NULL, etag BLOB NOT NULL, modified INTEGER NOT NULL,
            body_hash INTEGER NOT NULL, body BLOB NOT NULL,
            PRIMARY KEY(bucket, key)) WITHOUT ROWID
        """

    /// Puts each body into the row of its object.
    ///
    /// A put at a random place wrote three pages before: that of the row, that of the body it
    /// removed, and that of the new body. An object without a body ends the start: the column takes no
    /// NULL.
    private static let bodiesWithObjects = [
        "ALTER TABLE objects RENAME TO objects_1",
        objects,
        """
        INSERT INTO objects
            SELECT bucket,key,sequence,size,etag,modified,body_hash,body
            FROM objects_1 LEFT JOIN bodies USING(sequence) ORDER BY bucket,key
        """,
        "DROP TABLE objects_1",
        "DROP TABLE bodies",
    ]

    /// What SQLite says of the tables of this number, in its order.
    private static func texts(of number: Int) -> [String] {
        guard number >= 2 else { return first }
        // The two that number 2 removed were made behind the others but sessions and slots.
        return first.filter { !$0.contains("TABLE objects(") && !$0.contains("TABLE bodies(") }
            + [objects]
    }

    /// Keys are bytes and sort as such.
    ///
    /// There are no triggers, no foreign keys.
    private static let first = [
        """
        CREATE TABLE identity(
            id INTEGER PRIMARY KEY CHECK(id=1),
            cluster_high INTEGER NOT NULL, cluster_low INTEGER NOT NULL,
            node INTEGER NOT NULL,
            incarnation_high INTEGER NOT NULL, incarnation_low INTEGER NOT NULL)
        """,
        """
        CREATE TABLE system(
            id INTEGER PRIMARY KEY CHECK(id=1),
            applied_index INTEGER NOT NULL, applied_term INTEGER NOT NULL,
            digest_high INTEGER NOT NULL, digest_low INTEGER NOT NULL,
            cluster_time INTEGER NOT NULL, sequence INTEGER NOT NULL,
            last_tenant INTEGER NOT NULL, last_bucket INTEGER NOT NULL,
            sessions_opened INTEGER NOT NULL,
            voters BLOB NOT NULL, outgoing_voters BLOB NOT NULL)
        """,
        """
        CREATE TABLE tenants(
            tenant INTEGER PRIMARY KEY, name BLOB NOT NULL, status INTEGER NOT NULL,
            quota_bytes INTEGER, quota_objects INTEGER, quota_buckets INTEGER,
            created INTEGER NOT NULL)
        """,
        "CREATE UNIQUE INDEX tenants_by_name ON tenants(name)",
        """
        CREATE TABLE tenant_usage(
            tenant INTEGER PRIMARY KEY, buckets INTEGER NOT NULL, objects INTEGER NOT NULL,
            bytes INTEGER NOT NULL)
        """,
        """
        CREATE TABLE grants(
            tenant INTEGER NOT NULL, service BLOB NOT NULL,
            PRIMARY KEY(tenant, service)) WITHOUT ROWID
        """,
        """
        CREATE TABLE buckets(
            bucket INTEGER PRIMARY KEY, name BLOB NOT NULL, tenant INTEGER NOT NULL,
            created INTEGER NOT NULL, epoch INTEGER NOT NULL)
        """,
        "CREATE UNIQUE INDEX buckets_by_name ON buckets(name)",
        "CREATE UNIQUE INDEX buckets_by_tenant ON buckets(tenant, name)",
        """
        CREATE TABLE bucket_usage(
            bucket INTEGER PRIMARY KEY, objects INTEGER NOT NULL, bytes INTEGER NOT NULL)
        """,
        """
        CREATE TABLE objects(
            bucket INTEGER NOT NULL, key BLOB NOT NULL, sequence INTEGER NOT NULL,
            size INTEGER NOT NULL, etag BLOB NOT NULL, modified INTEGER NOT NULL,
            body_hash INTEGER NOT NULL,
            PRIMARY KEY(bucket, key)) WITHOUT ROWID
        """,
        "CREATE TABLE bodies(sequence INTEGER PRIMARY KEY, body BLOB NOT NULL)",
        """
        CREATE TABLE sessions(
            session INTEGER PRIMARY KEY, principal BLOB NOT NULL, slots INTEGER NOT NULL,
            seen INTEGER NOT NULL)
        """,
        """
        CREATE TABLE slots(
            session INTEGER NOT NULL, slot INTEGER NOT NULL, sequence INTEGER NOT NULL,
            command_hash INTEGER NOT NULL, refusal INTEGER NOT NULL, number INTEGER NOT NULL,
            change INTEGER NOT NULL,
            PRIMARY KEY(session, slot)) WITHOUT ROWID
        """,
    ]

    /// Creates or migrates the tables inside the open transaction.
    static func bring(_ connection: Connection) throws(StateMachineError) {
        let found = Int(try connection.value(of: "PRAGMA user_version")) ?? 0
        let application = Int(try connection.value(of: "PRAGMA application_id")) ?? 0
        guard found == 0 || application == applicationID else {
            throw .damaged("it is not a database of Cadastre")
        }
        guard found <= newest else { throw .unknownSchema(number: found) }
        guard found < newest else { return }
        for number in found..<newest {
            for statement in migrations[number] { try connection.execute(statement) }
        }
        try connection.execute("PRAGMA application_id=\(applicationID)")
        try connection.execute("PRAGMA user_version=\(newest)")
    }

    /// Checks that the tables of a file from elsewhere are exactly ours, with no statement that
    /// could run anything that the file says.
    static func check(_ connection: Connection) throws(StateMachineError) {
        let number = Int(try connection.value(of: "PRAGMA user_version")) ?? 0
        let application = Int(try connection.value(of: "PRAGMA application_id")) ?? 0
        guard application == applicationID, number >= 1 else {
            throw .damaged("it is not a database of Cadastre")
        }
        guard number <= newest else { throw .unknownSchema(number: number) }
        let pageSize = try connection.value(of: "PRAGMA page_size")
        guard let size = Int(pageSize), Connection.pageSizes.contains(size) else {
            throw .damaged("its pages have \(pageSize) bytes")
        }
        // SQLite keeps the texts as they were given.
        let expected = texts(of: number)
        let statement = try Statement(
            "SELECT sql FROM sqlite_schema ORDER BY rowid LIMIT ?1",
            on: connection
        )
        defer { statement.reset() }
        statement.bind(1, UInt64(expected.count + 1))
        var found: [String] = []
        while try statement.step() { found.append(statement.string(0)) }
        guard found == expected else { throw .damaged("its tables are not ours") }
    }

    /// Makes a new database the node's own, or checks that it is.
    static func claim(
        _ connection: Connection,
        for identity: StateMachineIdentity
    ) throws(StateMachineError) {
        guard let found = try owner(connection) else { return try adopt(connection, for: identity) }
        guard found == identity else { throw .foreign(found: found) }
    }

    /// Checks that the database is of the cluster, whosever it is.
    static func checkCluster(
        _ connection: Connection,
        _ identity: StateMachineIdentity
    ) throws(StateMachineError) {
        guard let found = try owner(connection) else { throw .damaged("it is nobody's") }
        guard found.cluster == identity.cluster else { throw .foreign(found: found) }
    }

    private static func owner(
        _ connection: Connection
    ) throws(StateMachineError) -> StateMachineIdentity? {
        let statement = try Statement("SELECT * FROM identity WHERE id=1", on: connection)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return StateMachineIdentity(
            cluster: ClusterID(high: statement.integer(1), low: statement.integer(2)),
            node: NodeID(statement.integer(3)),
            incarnation: Incarnation(high: statement.integer(4), low: statement.integer(5))
        )
    }

    /// Makes the database the node's own, whosever it was.
    ///
    /// Writes nothing where it is so already: a start that finishes an installation on a full disk
    /// has no room for it.
    static func adopt(
        _ connection: Connection,
        for identity: StateMachineIdentity
    ) throws(StateMachineError) {
        guard try owner(connection) != identity else { return }
        let statement = try Statement(
            "REPLACE INTO identity VALUES(1,?1,?2,?3,?4,?5)",
            on: connection
        )
        statement.bind(1, identity.cluster.high)
        statement.bind(2, identity.cluster.low)
        statement.bind(3, identity.node.value)
        statement.bind(4, identity.incarnation.high)
        statement.bind(5, identity.incarnation.low)
        try statement.run()
    }
}
