"""Words of SQL: what the grammar takes for an operator, a clause, a statement, a function with an effect, a source."""

from __future__ import annotations

from typing import Final

from pollwatch.events.grammar.listed import listed

LOGIC: Final = frozenset({"and", "or", "xor", "&&", "||"})
COMPARE: Final = listed(
    "= < > <= >= <> != <=> !< !> == ~ ~* !~ !~* @> <@ ?| ?& @? @@ @ ? like ilike rlike regexp glob match is in "
    "between similar sounds overlaps contains"
)
ARITHMETIC: Final = listed("+ - * / % ^ | & << >> div mod -> ->> || :=")
PREFIX: Final = listed("+ - ~ ! @ not binary distinct all any some exists prior")
#: Words that are values by themselves.
CONSTANTS: Final = listed(
    "null true false unknown default current_timestamp current_user session_user system_user current_date "
    "current_time localtime localtimestamp sysdate systimestamp user rownum rowid pi"
)
#: Words that no name is.
RESERVED: Final = listed(
    "select from where union except intersect having group order limit procedure into values when then else "
    "end case insert update delete drop create alter and or xor as on join inner outer left right natural "
    "using offset fetch"
)
#: Articles, pronouns and prepositions, of several languages: a table or column has no such name, so a text is no SQL.
STOP: Final = listed(
    "the a an my your our his her their its this that these those to of for with about me you it we they is "
    "are was were i he she be been can how what who why der die das ein eine und oder el la los las le les un "
    "une des du de il lo gli het een den det en att och"
)
#: Functions that make the server wait.
DELAYS: Final = listed(
    "sleep pg_sleep pg_sleep_for pg_sleep_until benchmark dbms_lock.sleep user_lock.sleep dbms_session.sleep "
    "dbms_pipe.receive_message generate_series randomblob regexp_substring"
)
#: Functions with an effect outside the query, or that make the database tell something in an error.
EFFECTS: Final = listed(
    "load_file extractvalue updatexml xmltype utl_inaddr.get_host_address utl_inaddr.get_host_name "
    "utl_http.request httpuritype ctxsys.drithsx.sn dbms_utility.sqlid_to_sqlhash gtid_subset gtid_subtract "
    "json_keys polygon multipoint geometrycollection linestring multilinestring multipolygon st_latfromgeohash "
    "st_longfromgeohash lo_import lo_export lo_get lo_put pg_read_file pg_read_binary_file pg_ls_dir "
    "load_extension sys_eval sys_exec xp_cmdshell xp_dirtree xp_regread xp_fileexist xp_subdirs "
    "xp_availablemedia openrowset opendatasource openquery fn_xe_file_target_read_file database_to_xml "
    "query_to_xml table_to_xml procedure_analyse uuid_to_bin current_setting set_config"
)
#: Functions that one knows a database by; as names of the usual ones, for values that are one call and nothing else.
USUAL: Final = listed(
    "version user database schema current_user session_user system_user user_name db_name host_name suser_name "
    "suser_sname char chr nchar ascii ord unicode hex unhex md5 sha1 concat concat_ws group_concat string_agg "
    "listagg wm_concat substr substring mid left right length len char_length cast convert if iif ifnull "
    "isnull nullif nvl coalesce elt make_set bin conv exp floor rand round abs row_count found_rows "
    "last_insert_id connection_id is_srvrolemember is_member has_dbaccess sqlite_version quote typeof "
    "row_number json_extract json_search json_array json_depth json_object jsonb_path_query regexp_like "
    "regexp_replace instr locate position strcmp find_in_set greatest least lpad rpad repeat reverse replace "
    "to_char to_number to_date trunc decode crypt_key elt uuid to_base64 from_base64 unistr compress "
    "uncompress encode atan2 pow power sqrt ln log cot radians degrees sign tan count sum avg min max "
    "database_name starts_with starts_with_ci name_const collation coercibility charset crc32 des_encrypt "
    "aes_encrypt aes_decrypt"
)
#: Those of them that say something without arguments.
WITHOUT_ARGUMENTS: Final = listed(
    "version user database schema current_user session_user system_user user_name db_name host_name suser_name "
    "suser_sname row_count found_rows last_insert_id connection_id sqlite_version database_name"
)
#: Types to which values are cast.
TYPES: Final = listed(
    "int int2 int4 int8 integer bigint smallint text varchar char bpchar bool boolean json jsonb numeric "
    "decimal double float float4 float8 real bytea regclass xml uuid date time timestamp inet name oid money i"
)
#: Names of which each stands for something of the database's own.
SOURCES: Final = listed(
    "information_schema sqlite_master sqlite_schema sqlite_temp_master sysobjects syscolumns sysusers "
    "sysdatabases sysprocesses syslogins all_tables all_users all_tab_columns user_tables user_tab_columns "
    "user_objects dba_users dba_tables dba_tab_columns pg_catalog pg_tables pg_user pg_shadow pg_class "
    "pg_database pg_authid pg_attribute pg_namespace pg_stat_activity v$version v$instance v$database "
    "v$session msysaccessobjects msysaces msysobjects msysqueries msysrelationships mysaccessxml rdb$database "
    "rdb$relations rdb$fields rdb$types rdb$functions rdb$collations sysibm syscat sysmaster systables "
    "syscolumns performance_schema innodb_table_stats innodb_index_stats"
)
#: Sources as two names: the first says which database's, the second must be its.
OWNERS: Final = {
    "sys": listed(
        "tables columns objects databases schemas user$ sysusers views procedures schema_table_statistics "
        "processlist all_objects all_columns sql_logins server_principals x$statement_analysis "
        "x$schema_table_statistics version"
    ),
    "mysql": listed("user db tables_priv columns_priv proc innodb_table_stats innodb_index_stats host"),
    "master": listed("sysdatabases sysprocesses syslogins dbo sys xp_cmdshell xp_dirtree spt_values"),
    "domain": frozenset(["domains", "columns", "tables"]),
    "msdb": frozenset(["dbo", "sysjobs", "backupset"]),
    "tempdb": frozenset({"dbo", "sys"}),
    "informix": frozenset({"systables", "sysusers", "syscolumns"}),
}
#: What a created, altered or dropped thing may be.
OBJECTS: Final = listed(
    "table database view user function procedure index trigger schema login role column constraint sequence "
    "type event temporary temp or unique assembly server aggregate extension"
)
#: Functions that mathematics and spreadsheets have, too.
MATHEMATICS: Final = listed(
    "abs exp log ln sqrt pow power round floor sin cos tan count sum avg min max if length left right mid "
    "reverse repeat replace count rand sign degrees radians least greatest date time trunc version"
)
