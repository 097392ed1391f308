{# Views name what they read without the database, whose name is that of its file: they work in a
   renamed copy, in a bundle, and under whatever name the file is attached. #}
{% macro ref(name) %}
    {{ return(builtins.ref(name).include(database=false)) }}
{% endmacro %}
